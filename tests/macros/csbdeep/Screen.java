package crispim;

import ij.IJ;
import org.scijava.Priority;
import org.scijava.module.Module;
import org.scijava.module.ModuleItem;
import org.scijava.module.process.AbstractPostprocessorPlugin;
import org.scijava.module.process.AbstractPreprocessorPlugin;
import org.scijava.module.process.PostprocessorPlugin;
import org.scijava.module.process.PreprocessorPlugin;
import org.scijava.plugin.Plugin;

/** Notes in a file what a user would see come up: dialogs for what isn't given, and results. */
public final class Screen {

    private Screen() {}

    private static void note(String what) {
        IJ.append(what, IJ.getDirectory("imagej") + "screen.txt");
    }

    /** Asks for each input that is open when all else has been filled in. */
    @Plugin(type = PreprocessorPlugin.class, priority = Priority.LAST)
    public static class Dialogs extends AbstractPreprocessorPlugin {
        @Override
        public void process(Module module) {
            for (ModuleItem<?> item : module.getInfo().inputs()) {
                if (!module.isInputResolved(item.getName())) {
                    note("dialog for " + item.getName());
                }
            }
        }
    }

    /** Shows every output. */
    @Plugin(type = PostprocessorPlugin.class, priority = Priority.LAST)
    public static class Results extends AbstractPostprocessorPlugin {
        @Override
        public void process(Module module) {
            module.getOutputs().keySet().forEach(name -> note("window of " + name));
        }
    }
}
