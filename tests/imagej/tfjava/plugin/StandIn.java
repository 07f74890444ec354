package crispim;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Has RunLikeCsbdeep run the network. Images are {rows, columns, pixel after pixel}. */
public final class StandIn implements UnaryOperator<Map<String, Object>> {

    @Override
    public Map<String, Object> apply(Map<String, Object> inputs) {
        boolean plain = "".equals(inputs.get("modelUrl"));
        if ((boolean) inputs.get("normalizeInput") || (boolean) inputs.get("showProgressDialog")
                || !plain) {
            throw new IllegalStateException("not run as these networks must be");
        }
        try {
            return Collections.singletonMap("output", network(inputs));
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private static float[] network(Map<String, Object> inputs) throws Exception {
        float[] input = (float[]) inputs.get("input");
        int rows = (int) input[0];
        int columns = (int) input[1];
        Path scratch = Files.createTempDirectory("csbdeep");
        Path unpacked = Files.createDirectory(scratch.resolve("unpacked"));
        Path given = scratch.resolve("given.raw");
        Path result = scratch.resolve("result.raw");
        ByteBuffer bytes = floats(rows * columns);
        bytes.asFloatBuffer().put(input, 2, rows * columns);
        Files.write(given, bytes.array());
        Object[] numbers = {columns, rows, 1, inputs.get("nTiles"), inputs.get("blockMultiple"),
            inputs.get("overlap"), inputs.get("batchSize")};
        String[] arguments = new String[4 + numbers.length];
        Object[] paths = {inputs.get("modelFile"), unpacked, given, result};
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = (i < 4 ? paths[i] : numbers[i - 4]).toString();
        }
        // That class is in no package, so it can't be imported.
        Method main = Class.forName("RunLikeCsbdeep").getMethod("main", String[].class);
        main.invoke(null, (Object) arguments);
        float[] image = input.clone();
        ByteBuffer.wrap(Files.readAllBytes(result)).order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer().get(image, 2, rows * columns);
        return image;
    }

    private static ByteBuffer floats(int count) {
        return ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }
}
