package crispim;

import ij.IJ;
import ij.Menus;
import ij.WindowManager;
import ij.macro.Interpreter;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;

/** Runs macros one after another as `ImageJ -batch` does, each named by a line on standard input. */
public final class MacroServer {

    /** What is printed after each macro. */
    private static final String END = "END OF MACRO";

    private MacroServer() {}

    public static void main(String[] arguments) throws Exception {
        IJ.runMacro("");
        Set<Object> commands = new HashSet<>(Menus.getCommands().keySet());
        Properties before = (Properties) System.getProperties().clone();
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Interpreter.batchMode = true;
            byte[] argument = Files.readAllBytes(Paths.get(lines.readLine()));
            IJ.runMacroFile(line, new String(argument, StandardCharsets.UTF_8));
            // The next one finds an ImageJ that was just started.
            for (int id : Interpreter.getBatchModeImageIDs()) {
                Interpreter.removeBatchModeImage(WindowManager.getImage(id));
            }
            Menus.getCommands().keySet().retainAll(commands);
            System.setProperties((Properties) before.clone());
            System.err.flush();
            System.out.println();
            System.out.println(END);
            System.out.flush();
        }
    }
}
