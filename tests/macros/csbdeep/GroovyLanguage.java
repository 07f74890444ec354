package crispim;

import java.util.Collections;
import java.util.List;
import org.scijava.plugin.Plugin;
import org.scijava.script.AdaptedScriptLanguage;
import org.scijava.script.ScriptLanguage;

/** Has SciJava run Groovy scripts, as scripting-groovy does. */
@Plugin(type = ScriptLanguage.class)
public class GroovyLanguage extends AdaptedScriptLanguage {

    public GroovyLanguage() {
        super("groovy");
    }

    @Override
    public List<String> getExtensions() {
        return Collections.singletonList("groovy");
    }
}
