package de.csbdresden.csbdeep.commands;

import groovy.util.Eval;
import ij.IJ;
import ij.ImagePlus;
import ij.io.FileSaver;
import ij.plugin.Duplicator;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import net.imagej.Dataset;
import org.scijava.ItemIO;
import org.scijava.command.Command;
import org.scijava.plugin.Parameter;
import org.scijava.plugin.Plugin;
import org.scijava.prefs.PrefService;
import org.scijava.widget.Button;

/**
 * Stands in for CSBDeep's command: its inputs, and how it takes its model.
 *
 * <p>Keeps what it is told and shown in ImageJ's folder. The network is the Groovy expression in
 * network.groovy there, of a 32-bit `image`; null is no result.
 */
@Plugin(type = Command.class, menuPath = "Plugins>CSBDeep>Run your network")
public class GenericNetwork implements Command {

    @Parameter private Dataset input;
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
    private Dataset output;

    /** The stored model wins over the one that is passed, as in CSBDeep. */
    protected void takeStoredModel() {
        String stored = preferences.get(getClass(), "GenericNetwork_modelfile", "");
        if (!stored.isEmpty() && new File(stored).exists()) {
            modelFile = new File(stored);
        }
    }

    @Override
    public void run() {
        try {
            preferences.put(getClass(), "GenericNetwork_modelfile", modelFile.getPath());
            Path folder = Paths.get(IJ.getDirectory("imagej"));
            IJ.append(String.format(
                    "normalizeInput=%s percentileBottom=%s percentileTop=%s clip=%s nTiles=%d "
                            + "blockMultiple=%d overlap=%d batchSize=%d modelFile=%s modelUrl=%s "
                            + "showProgressDialog=%s",
                    normalizeInput, percentileBottom, percentileTop, clip, nTiles, blockMultiple,
                    overlap, batchSize, modelFile, modelUrl, showProgressDialog),
                    folder.resolve("options.txt").toString());
            new FileSaver(input.image).saveAsTiff(folder.resolve("shown.tif").toString());
            ImagePlus image = new Duplicator().run(input.image);
            String network = new String(
                    Files.readAllBytes(folder.resolve("network.groovy")), StandardCharsets.UTF_8);
            ImagePlus result = (ImagePlus) Eval.me("image", image, network);
            output = result == null ? null : new Dataset(result);
        } catch (Exception error) {
            // CSBDeep prints, too, and then returns without a result.
            error.printStackTrace();
        }
    }
}
