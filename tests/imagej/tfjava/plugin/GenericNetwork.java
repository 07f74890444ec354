package de.csbdresden.csbdeep.commands;

import java.io.File;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.scijava.ItemIO;
import org.scijava.command.Command;
import org.scijava.plugin.Parameter;
import org.scijava.plugin.Plugin;
import org.scijava.prefs.PrefService;
import org.scijava.widget.Button;

/**
 * Stands in for CSBDeep's command: its name, its inputs, and how it takes its model.
 *
 * <p>The network is run by RunLikeCsbdeep. Images are {rows, columns, pixel after pixel}.
 */
@Plugin(type = Command.class, menuPath = "Plugins>CSBDeep>Run your network")
public class GenericNetwork implements Command {

    @Parameter private float[] input;
    @Parameter private boolean normalizeInput = true;
    @Parameter private float percentileBottom = 3.0f;
    @Parameter private float percentileTop = 99.8f;
    @Parameter private boolean clip = false;
    @Parameter(min = "1") private int nTiles = 8;
    @Parameter(min = "1") private int blockMultiple = 32;
    @Parameter(min = "0") private int overlap = 32;
    @Parameter(min = "1") private int batchSize = 1;

    @Parameter(initializer = "takeStoredModel", persist = false, required = false)
    private File modelFile;

    @Parameter(persist = false, required = false)
    private String modelUrl;

    @Parameter private Button changeTFMapping;
    @Parameter private boolean showProgressDialog = true;
    @Parameter private PrefService preferences;

    @Parameter(type = ItemIO.OUTPUT)
    private float[] output;

    /** The stored model wins over the one that is passed, as in CSBDeep. */
    protected void takeStoredModel() {
        String stored = preferences.get(getClass(), "GenericNetwork_modelfile", "");
        if (!stored.isEmpty()) {
            modelFile = new File(stored);
        }
    }

    @Override
    public void run() {
        try {
            if (normalizeInput || showProgressDialog || !modelUrl.isEmpty()) {
                throw new IllegalStateException("not run as these networks must be");
            }
            preferences.put(getClass(), "GenericNetwork_modelfile", modelFile.getAbsolutePath());
            output = network();
        } catch (Exception error) {
            // CSBDeep prints, too, and then returns without a result.
            error.printStackTrace();
        }
    }

    private float[] network() throws Exception {
        int rows = (int) input[0];
        int columns = (int) input[1];
        Path scratch = Files.createTempDirectory("csbdeep");
        Path unpacked = Files.createDirectory(scratch.resolve("unpacked"));
        Path given = scratch.resolve("given.raw");
        Path result = scratch.resolve("result.raw");
        ByteBuffer bytes = floats(rows * columns);
        bytes.asFloatBuffer().put(input, 2, rows * columns);
        Files.write(given, bytes.array());
        Object[] numbers = {columns, rows, 1, nTiles, blockMultiple, overlap, batchSize};
        String[] arguments = new String[4 + numbers.length];
        Object[] paths = {modelFile, unpacked, given, result};
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
