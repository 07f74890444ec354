// Runs the program crispim-ij while ImageJ's bar shows how far it is, until Esc is pressed.
//
// Needs ImageJ 1.53q or later and Groovy 3 or later, as in a Fiji. CRISPIM_Denoise_CLI.ijm uses it.

import ij.IJ
import ij.macro.Interpreter
import java.util.concurrent.TimeUnit

class Program {
    // Takes lines: a folder to remove where Esc is pressed, which the macro then can't, or nothing; the output's
    // path, the program's, and each of its arguments. Returns what it printed. No shell reads them.
    static String run(String lines) {
        def words = lines.readLines()
        def scratch = words.remove(0)
        def journal = journalOf(new File(words.remove(0)))
        def printed = File.createTempFile('crispim-', '.txt')
        def caller = Interpreter.instance
        IJ.resetEscape()
        try {
            def process = new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(printed).start()
            process.outputStream.close()
            while (!process.waitFor(200, TimeUnit.MILLISECONDS)) {
                showProgress(journal)
                // Esc ends a macro, but not what it has called.
                if (IJ.escapePressed() || caller?.done()) {
                    stop(process)
                    if (scratch)
                        new File(scratch).deleteDir()
                    return 'Error: Canceled.'
                }
            }
            return printed.getText('UTF-8')
        } finally {
            printed.delete()
            IJ.showProgress(1.0d)
        }
    }

    // Where crispim-ij notes which planes are finished.
    static File journalOf(File output) {
        output.name ==~ /(?i).*\.tiff?/ ? new File(output.parentFile, ".crispim-${output.name}.journal")
            : new File(output, '.crispim-journal')
    }

    // The numbers of finished planes and of all, from lines of JSON; null before there are any.
    static List<Integer> progress(String journal) {
        def shape = journal =~ /"shape": \[(\d+)/
        if (!shape.find())
            return null
        int finished = 0
        (journal =~ /"done": \[([^\]]*)\]/).each { finished += it[1].trim() ? it[1].split(',').length : 0 }
        [finished, shape.group(1) as int]
    }

    private static void showProgress(File journal) {
        def found = journal.exists() ? progress(journal.getText('UTF-8')) : null
        if (found == null)
            return
        IJ.showProgress(found[0], found[1])
        IJ.showStatus("crispim-ij: ${found[0]} of ${found[1]} planes")
    }

    // With the processes that it has started, as Windows ends none but the first.
    private static void stop(Process process) {
        def all = process.descendants().collect { it } + process.toHandle()
        all.each { it.destroy() }
        if (!process.waitFor(20, TimeUnit.SECONDS))
            all.each { it.destroyForcibly() }
    }
}
