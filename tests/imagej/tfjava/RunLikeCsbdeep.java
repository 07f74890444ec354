import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.Tensor;
import org.tensorflow.framework.MetaGraphDef;
import org.tensorflow.framework.SignatureDef;
import org.tensorflow.framework.TensorInfo;

/**
 * Runs an exported network on a stack as 'Run your network' of Fiji's plugin CSBDeep 0.6.0 does.
 *
 * <p>Arguments: the zip, an empty folder to unpack it in, the stack and the result (both raw
 * little-endian float32), width, height and depth, and the plugin's own settings: number of tiles,
 * blockMultiple, overlap, batch size.
 */
public final class RunLikeCsbdeep {

    private RunLikeCsbdeep() {}

    public static void main(String[] arguments) throws IOException {
        File folder = new File(arguments[1]);
        unzip(new File(arguments[0]), folder);
        int[] numbers = new int[7];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = Integer.parseInt(arguments[4 + i]);
        }
        float[] stack = read(Paths.get(arguments[2]));
        try (SavedModelBundle bundle = SavedModelBundle.load(folder.getPath(), "serve")) {
            write(Paths.get(arguments[3]), run(bundle, stack, numbers));
        }
    }

    /** Unpacks as imagej-tensorflow does: it makes only the folders that have their own entry. */
    private static void unzip(File zip, File folder) throws IOException {
        try (ZipInputStream archive = new ZipInputStream(new FileInputStream(zip))) {
            for (ZipEntry entry; (entry = archive.getNextEntry()) != null; ) {
                File target = new File(folder, entry.getName());
                if (entry.isDirectory()) {
                    target.mkdirs();
                    continue;
                }
                try (OutputStream stream = new FileOutputStream(target)) {
                    copy(archive, stream);
                }
            }
        }
    }

    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = from.read(buffer)) >= 0; ) {
            to.write(buffer, 0, read);
        }
    }

    private static float[] run(SavedModelBundle bundle, float[] stack, int[] numbers)
            throws IOException {
        SignatureDef signature = MetaGraphDef.parseFrom(bundle.metaGraphDef())
                .getSignatureDefOrThrow("serving_default");
        TensorInfo input = signature.getInputsMap().values().iterator().next();
        TensorInfo output = signature.getOutputsMap().values().iterator().next();
        int rank = input.getTensorShape().getDimCount();
        boolean losesZ = output.getTensorShape().getDimCount() == rank - 1;

        int[] size = imageAxes(rank, numbers);
        Tiling tiling = new Tiling(
                size, actions(input), numbers[3], numbers[4], numbers[5], numbers[6]);
        int[] outSize = size.clone();
        int[] outTile = tiling.tileSize();
        if (losesZ) {
            outSize[2] = 1;
            outTile[2] = 1;
        }
        long[] outShape = shape(outTile, output.getTensorShape().getDimCount());
        float[][] results = new float[tiling.count()][];
        for (int tile = 0; tile < results.length; tile++) {
            FloatBuffer pixels = FloatBuffer.wrap(tiling.cut(stack, tile));
            try (Tensor<Float> given = Tensor.create(shape(tiling.tileSize(), rank), pixels)) {
                results[tile] = execute(bundle, opName(input), given, opName(output), outShape);
            }
        }
        System.out.println("tiles " + results.length);
        return tiling.join(results, outSize);
    }

    private static float[] execute(
            SavedModelBundle bundle,
            String input,
            Tensor<Float> given,
            String output,
            long[] shape) {
        try (Tensor<Float> result = bundle.session().runner()
                .feed(input, given).fetch(output).run().get(0).expect(Float.class)) {
            FloatBuffer pixels = FloatBuffer.allocate(result.numElements());
            result.writeTo(pixels);
            if (!Arrays.equals(result.shape(), shape)) {
                throw new IllegalStateException(
                        "result of shape " + Arrays.toString(result.shape())
                                + " instead of " + Arrays.toString(shape));
            }
            return pixels.array();
        }
    }

    /** A network of rank 4 takes Z as its batch, one of rank 5 has T for it. */
    private static int[] imageAxes(int rank, int[] numbers) {
        return rank == 4
                ? new int[] {numbers[0], numbers[1], numbers[2]}
                : new int[] {numbers[0], numbers[1], numbers[2], 1};
    }

    /** The first axis of a network's input is in batches, others are tiled where they are free. */
    private static Tiling.Action[] actions(TensorInfo input) {
        int last = input.getTensorShape().getDimCount() - 2;
        Tiling.Action[] actions = new Tiling.Action[last + 1];
        for (int axis = 0; axis < last; axis++) {
            boolean free = input.getTensorShape().getDim(last - axis).getSize() < 0;
            actions[axis] = free ? Tiling.Action.TILES : Tiling.Action.NONE;
        }
        actions[last] = Tiling.Action.BATCHES;
        return actions;
    }

    /** Shape of a tensor of one channel: the axes backwards, less any 1 at their end, and 1. */
    private static long[] shape(int[] sides, int rank) {
        long[] shape = new long[rank];
        shape[rank - 1] = 1;
        int axes = rank - 1;
        int[] kept = sides;
        if (sides.length > axes) {
            kept = new int[] {sides[0], sides[1], sides[3]};
        }
        for (int axis = 0; axis < axes; axis++) {
            shape[axes - 1 - axis] = kept[axis];
        }
        return shape;
    }

    private static String opName(TensorInfo tensor) {
        String name = tensor.getName();
        return name.endsWith(":0") ? name.substring(0, name.length() - 2) : name;
    }

    private static float[] read(Path path) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        float[] pixels = new float[bytes.remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(pixels);
        return pixels;
    }

    private static void write(Path path, float[] pixels) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(pixels.length * Float.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(pixels);
        Files.write(path, bytes.array());
    }
}
