package de.csbdresden.csbdeep.commands;

import java.io.File;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.scijava.ItemIO;
import org.scijava.command.Command;
import org.scijava.plugin.Parameter;
import org.scijava.plugin.Plugin;
import org.scijava.prefs.PrefService;
import org.scijava.widget.Button;

/**
 * Stands in for CSBDeep's command: its name, its inputs, and how it takes its model.
 *
 * <p>What it does is the class crispim.StandIn of the tests that use it, which is given all inputs by
 * their names; of what kind images are is theirs, too.
 */
@Plugin(type = Command.class, menuPath = "Plugins>CSBDeep>Run your network")
public class GenericNetwork implements Command {

    @Parameter private Object input;
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
    private Object output;

    /** The stored model wins over the one that is passed, as in CSBDeep where its file is there. */
    protected void takeStoredModel() {
        String stored = preferences.get(getClass(), "GenericNetwork_modelfile", "");
        if (!stored.isEmpty()) {
            modelFile = new File(stored);
        }
    }

    @Override
    public void run() {
        try {
            preferences.put(getClass(), "GenericNetwork_modelfile", modelFile.getPath());
            output = network().apply(inputs()).get("output");
        } catch (Exception error) {
            // CSBDeep prints, too, and then returns without a result.
            error.printStackTrace();
        }
    }

    @SuppressWarnings("unchecked")
    private static UnaryOperator<Map<String, Object>> network() throws Exception {
        Object network = Class.forName("crispim.StandIn").getConstructor().newInstance();
        return (UnaryOperator<Map<String, Object>>) network;
    }

    private Map<String, Object> inputs() {
        Map<String, Object> inputs = new LinkedHashMap<>();
        inputs.put("input", input);
        inputs.put("normalizeInput", normalizeInput);
        inputs.put("percentileBottom", percentileBottom);
        inputs.put("percentileTop", percentileTop);
        inputs.put("clip", clip);
        inputs.put("nTiles", nTiles);
        inputs.put("blockMultiple", blockMultiple);
        inputs.put("overlap", overlap);
        inputs.put("batchSize", batchSize);
        inputs.put("modelFile", modelFile);
        inputs.put("modelUrl", modelUrl);
        inputs.put("showProgressDialog", showProgressDialog);
        return inputs;
    }
}
