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

/** Notes in files what comes up on a user's screen, and what is recorded. */
public final class Screen {

    private Screen() {}

    private static void note(String what, String file) {
        IJ.append(what, IJ.getDirectory("imagej") + file);
    }

    /** Begins a line of ImageJ's recorder for each command, by the name of imagej-legacy's class. */
    @Plugin(type = PreprocessorPlugin.class, priority = Priority.VERY_HIGH)
    public static class MacroRecorderPreprocessor extends AbstractPreprocessorPlugin {
        @Override
        public void process(Module module) {
            note(module.getInfo().getTitle(), "recorded.txt");
        }
    }

    /** Asks for each input that is open when all else has been filled in. */
    @Plugin(type = PreprocessorPlugin.class, priority = Priority.LAST)
    public static class Dialogs extends AbstractPreprocessorPlugin {
        @Override
        public void process(Module module) {
            for (ModuleItem<?> item : module.getInfo().inputs()) {
                if (!module.isInputResolved(item.getName())) {
                    note("dialog for " + item.getName(), "screen.txt");
                }
            }
        }
    }

    /** Shows every output. */
    @Plugin(type = PostprocessorPlugin.class, priority = Priority.LAST)
    public static class Results extends AbstractPostprocessorPlugin {
        @Override
        public void process(Module module) {
            module.getOutputs().keySet().forEach(name -> note("window of " + name, "screen.txt"));
        }
    }
}
