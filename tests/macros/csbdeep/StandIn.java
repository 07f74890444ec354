package crispim;

import groovy.util.Eval;
import ij.IJ;
import ij.ImagePlus;
import ij.io.FileSaver;
import ij.plugin.Duplicator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Collections;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import net.imagej.Dataset;

/**
 * Keeps what the plugin is told and shown in ImageJ's folder, and runs the network that lies there.
 *
 * <p>That is the Groovy expression in network.groovy, of a 32-bit `image`; null is no result.
 */
public final class StandIn implements UnaryOperator<Map<String, Object>> {

    @Override
    public Map<String, Object> apply(Map<String, Object> inputs) {
        try {
            Path folder = Paths.get(IJ.getDirectory("imagej"));
            ImagePlus shown = ((Dataset) inputs.remove("input")).image;
            String options = inputs.entrySet().stream()
                    .map(each -> each.getKey() + "=" + each.getValue())
                    .collect(Collectors.joining(" "));
            IJ.append(options, folder.resolve("options.txt").toString());
            new FileSaver(shown).saveAsTiff(folder.resolve("shown.tif").toString());
            ImagePlus image = new Duplicator().run(shown);
            String network = Files.readString(folder.resolve("network.groovy"));
            ImagePlus result = (ImagePlus) Eval.me("image", image, network);
            Object output = result == null ? null : new Dataset(result);
            return Collections.singletonMap("output", output);
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }
}
