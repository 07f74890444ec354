// Denoise the open image, a TIFF file or a folder of planes through the command crispim-ij.
//
// Needs crispim-ij, installed in some Python on this machine, and ImageJ 1.53q or later or a Fiji;
// neither CSBDeep's plugin nor Fiji's TensorFlow. The open image goes out as a temporary file and
// the result comes back in a new window.
//
// In a Fiji, crispim-program.groovy beside this file shows how far it is in ImageJ's bar, and Esc stops
// it. By hand this asks in a dialog and remembers the command. Called from a macro or headless it
// takes lines KEY=VALUE:
//   runMacro("CRISPIM_Denoise_CLI.ijm", "input=/data/my scan\noutput=/data/clean");
// Values are taken as they stand: spaces, quotes and backslashes need no care. What is left out
// has the value given here:
//   command=        path of crispim-ij; empty: the one remembered, else the one that ran
//                   `crispim-ij fiji install`, else the one on the PATH; where none answers it is
//                   asked for once. `which crispim-ij` (macOS, Linux) or `where crispim-ij`
//                   (Windows) prints it
//   model=crispim-2d     name of a model, or path of a model folder
//   input=          folder of TIFF planes, or a TIFF file; empty: the image that is open
//   output=         folder or .tif file; empty: bring the result back in a new window
//   noise=auto      sd of the noise in counts, or GAIN:OFFSET:READ, for a model that is told it; auto:
//                   measured
//   strength=1      0.5 to 2: how strong the noise is taken to be; less leaves some in
//   precision=float32    or bfloat16, which is faster and less exact
//   tile=1024       longest side, in px, that the network is given at once
//   overwrite=false      true: replace files of the same names
//   resume=false    true: go on with what an earlier run has finished
//
// Where all went well the macro returns a text that begins with "CRISPIM_Denoise_CLI: ", which
// callers can test: a macro that fails raises nothing, not even headless.

var NAME = "CRISPIM_Denoise_CLI";
var written = newArray(0), scratch = newArray(0);
var command, model, precision, tile, noise, strength, overwrite, resume;

requires("1.53q");
keys = newArray("command", "model", "input", "output", "noise", "strength", "precision", "tile",
    "overwrite", "resume");
values = newArray("", "crispim-2d", "", "", "auto", "1", "float32", "1024", "false", "false");
byHand = lengthOf(getArgument()) == 0;
if (byHand)
    ask(values);
else
    readArguments(keys, values);

model = values[1];
input = absolute(values[2]);
output = absolute(values[3]);
noise = values[4];
strength = number("strength", values[5]);
precision = values[6];
tile = number("tile", values[7]);
overwrite = truth("overwrite", values[8]);
resume = truth("resume", values[9]);
findCommand(values[0], byHand);

if (input == "")
    denoiseOpenImage(output);
else if (output == "")
    bringBack(input);
else
    denoised(input, output);
said = NAME + ":" + place(output);
showStatus(said);
// By hand, Fiji would show what is returned as a table.
if (getArgument() != "")
    return said;

// Denoise a copy of the open image, into a file or a new window.
function denoiseOpenImage(output) {
    if (nImages == 0)
        fail("No image is open and no input is given: open one, or name a folder (input).");
    image = getImageID();
    title = getTitle();
    if (lastIndexOf(title, ".") > 0)
        title = substring(title, 0, lastIndexOf(title, "."));
    selected = selectionType() >= 0;
    if (selected)
        run("Select None");
    run("Duplicate...", "title=crispim-copy duplicate");
    scratch = Array.concat(scratch, getImageID());
    folder = temporaryFolder();
    sent = folder + "sent.tif";
    saveAs("Tiff", sent);
    close();
    if (selected) {
        selectImage(image);
        run("Restore Selection");
    }
    if (!File.exists(sent))
        fail("The image can't be written to " + sent + ": check the space there.");
    if (output == "") {
        bringBack(sent);
        renameUniquely(title + "-denoised");
    } else
        denoised(sent, output);
    removeTemporary();
}

// Denoise a file or folder and open the result, whose file is removed again.
function bringBack(input) {
    folder = temporaryFolder();
    received = folder + "received.tif";
    denoised(input, received);
    open(received);
    if (File.isFile(input))
        renameUniquely(File.getNameWithoutExtension(input) + "-denoised");
    else
        renameUniquely(File.getName(input) + "-denoised");
    removeTemporary();
}

// Run crispim-ij denoise. Its arguments go to it as they are: no shell reads them.
function denoised(input, output) {
    showStatus("crispim-ij denoises...");
    flag = "--precision=" + precision;
    if (overwrite)
        flag = "--overwrite";
    if (resume)
        flag = "--resume";
    modelIs = "--model=" + model;
    precisionIs = "--precision=" + precision;
    tileIs = "--tile=" + d2s(tile, 0);
    noiseIs = "--noise=" + noise;
    strengthIs = "--strength=" + strength;
    temporary = "";
    if (written.length > 0)
        temporary = written[written.length - 1];
    if (hasGroovy())
        said = inFiji(String.join(newArray(temporary, output, command, "denoise", flag, modelIs,
            precisionIs, tileIs, noiseIs, strengthIs, "--", input, output), "\n"));
    else if (File.separator == "/" && noise == "auto" && strength == 1)
        // The shell, whose script is constant, only joins what is said of errors to the answer.
        said = exec("/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1", command, "denoise", flag, modelIs,
            precisionIs, tileIs, "--", input, output);
    else if (File.separator == "/")
        said = exec("/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1", command, "denoise", flag, modelIs,
            precisionIs, tileIs, noiseIs, strengthIs, "--", input, output);
    else
        said = exec(command, "denoise", flag, modelIs, precisionIs, tileIs, noiseIs, strengthIs, "--",
            input, output);
    if (indexOf(said, "denoised planes written to") < 0)
        fail("The command " + command + " failed. " + reason(said, input, output));
}

// Whether this ImageJ, as Fiji does, has Groovy and the script that runs a program with it.
function hasGroovy() {
    script = pathOf("crispim-program.groovy");
    if (script == "")
        return false;
    if (indexOf("" + call("java.lang.System.getProperty", "java.class.path"), "groovy") >= 0)
        return true;
    jars = getDirectory("imagej") + "jars";
    if (!File.isDirectory(jars))
        return false;
    list = getFileList(jars);
    for (i = 0; i < list.length; i++)
        if (startsWith(list[i], "groovy"))
            return true;
    return false;
}

// A file that lies beside this macro, or in the folder for it; empty where there is none.
function pathOf(name) {
    folders = newArray(File.getParent(getInfo("macro.filepath")), getDirectory("plugins") + "CRISPIM");
    for (i = 0; i < folders.length; i++)
        if (File.exists(folders[i] + File.separator + name))
            return folders[i] + File.separator + name;
    return "";
}

function inFiji(lines) {
    // Assigned, because a lone call prints what it returns into the log.
    script = pathOf("crispim-program.groovy");
    before = "" + call("java.lang.System.setProperty", "crispim.script", script);
    before = "" + call("java.lang.System.setProperty", "crispim.program", lines);
    return "" + call("groovy.util.Eval.me", "new GroovyClassLoader(getClass().classLoader)"
        + ".parseClass(new File(System.getProperty('crispim.script')))"
        + ".run(System.getProperty('crispim.program'))");
}

function reason(said, input, output) {
    start = lastIndexOf(said, "Error:");
    if (start >= 0)
        return String.trim(substring(said, start));
    return "To see why, run in a terminal: " + command + " denoise --model \"" + model + "\" \""
        + input + "\" \"" + output + "\". " + String.trim(said);
}

// Find the command: the one that is given, or one that answers; a person is asked where none does.
function findCommand(given, byHand) {
    remembered = call("ij.Prefs.get", "crispim.command", "");
    installed = installedCommand();
    places = newArray(remembered, installed, "crispim-ij");
    if (given != "")
        places = newArray(given);
    for (i = 0; i < places.length; i++) {
        command = places[i];
        answering = false;
        if (command != "")  // && would call the function all the same
            answering = answers();
        if (answering) {
            if (given != "" && byHand)
                before = "" + call("ij.Prefs.set", "crispim.command", command);
            return;
        }
    }
    if (given == "" && !isHeadless()) {
        command = File.openDialog("Where is the program crispim-ij?");
        if (answers()) {
            before = "" + call("ij.Prefs.set", "crispim.command", command);
            return;
        }
    }
    fail("The command " + command + " does not answer as crispim-ij does: install crispim-ij with "
        + "pip, and give the path that `which crispim-ij` (Windows: `where crispim-ij`) prints in a "
        + "terminal as the command. " + String.trim(exec(command, "--version")));
}

function answers() {
    if (startsWith(exec(command, "--version"), "crispim-ij "))
        return true;
    return false;
}

// The program that ran `crispim-ij fiji install`, by the list of what that installed; or none.
function installedCommand() {
    list = pathOf("crispim-ij.json");
    if (list == "")
        return "";
    said = File.openAsString(list);
    key = "\"command\": \"";
    start = indexOf(said, key);
    if (start < 0)
        return "";
    start += lengthOf(key);
    return replace(substring(said, start, indexOf(said, "\"", start)), "\\\\", "\\");
}

// A new folder for files that are removed at the end, whatever that is. Nobody else may look
// into it or guess its name: Windows' folder of temporary files is the user's own already.
function temporaryFolder() {
    if (written.length > 0)
        return File.getParent(written[0]) + File.separator;
    temporary = getDirectory("temp");
    if (File.separator == "/")
        folder = String.trim(exec("/bin/sh", "-c", "exec mktemp -d \"$0\"",
            temporary + "crispim-image-XXXXXXXXXX"));
    else {
        folder = temporary + "crispim-image-" + d2s(getTime(), 0) + "-"
            + d2s(floor(random() * 1000000000), 0);
        File.makeDirectory(folder);
    }
    if (!File.isDirectory(folder))
        fail("A folder in " + temporary + " can't be made: check the space there.");
    // The command notes beside its output what it has finished.
    written = newArray(folder + File.separator + "sent.tif",
        folder + File.separator + "received.tif",
        folder + File.separator + ".crispim-received.tif.journal", folder);
    return folder + File.separator;
}

function removeTemporary() {
    for (i = 0; i < written.length; i++)
        ok = File.delete(written[i]);
    written = newArray(0);
}

// Ask for the values in a dialog; called as a command with options, it takes them from these.
function ask(values) {
    startDialog();
    addPath("Command (path of crispim-ij; empty: found)", values[0]);
    Dialog.addString("Model (name or folder)", values[1], 24);
    addPath("Input folder (empty: the open image)", values[2]);
    addPath("Output folder (empty: a new window)", values[3]);
    Dialog.addString("Noise (sd in counts; auto: measured)", values[4]);
    Dialog.addNumber("Strength", 1, 2, 6, "0.5 to 2");
    Dialog.addChoice("Precision", newArray("float32", "bfloat16"), values[6]);
    Dialog.addNumber("Tile side", 1024, 0, 6, "px");
    Dialog.addCheckbox("Overwrite files", false);
    Dialog.addCheckbox("Resume what is not finished", false);
    Dialog.addHelp("<html><h3>CRISPIM Denoise CLI</h3>"
        + "<p>Denoises with the command crispim-ij, which needs no plugin and no TensorFlow in "
        + "Fiji.</p>"
        + "<p><b>Command</b>: empty takes the one that is remembered, that filled this Fiji, or "
        + "that is on the PATH.<br><code>which crispim-ij</code> (Windows: <code>where crispim-ij"
        + "</code>) prints it in a terminal.<br>"
        + "<b>Model</b>: <code>crispim-ij models list</code> names them.<br>"
        + "<b>Input</b>: a folder with one TIFF file a plane, or nothing for the open image.<br>"
        + "<b>Noise</b>: its standard deviation, or GAIN:OFFSET:READ, and <b>Strength</b>, for models "
        + "that are told it.<br>"
        + "<b>Tile</b>: smaller tiles need less memory; the result is the same.<br>"
        + "<b>Resume</b> goes on with an output that an earlier run has begun.</p></html>");
    Dialog.show();
    values[0] = Dialog.getString();
    values[1] = Dialog.getString();
    values[2] = Dialog.getString();
    values[3] = Dialog.getString();
    values[4] = Dialog.getString();
    values[5] = "" + Dialog.getNumber();
    values[6] = Dialog.getChoice();
    values[7] = "" + Dialog.getNumber();
    values[8] = truthText(Dialog.getCheckbox());
    values[9] = truthText(Dialog.getCheckbox());
}

// ---- arguments: the same in every CRISPIM macro, since macros can't include one another ----

// Stop with a sentence, leaving neither files nor images of this run behind.
function fail(message) {
    for (i = 0; i < written.length; i++)
        ok = File.delete(written[i]);
    for (i = 0; i < scratch.length; i++)
        if (isOpen(scratch[i])) {
            selectImage(scratch[i]);
            close();
        }
    exit(wrapped(NAME + ": " + message));
}

// Break a sentence into lines that fit a message window.
function wrapped(text) {
    words = split(text, " ");
    lines = words[0];
    length = lengthOf(lines);
    for (i = 1; i < words.length; i++) {
        length += 1 + lengthOf(words[i]);
        if (length > 90) {
            lines = lines + "\n" + words[i];
            length = lengthOf(words[i]);
        } else
            lines = lines + " " + words[i];
    }
    return lines;
}

// Read the lines KEY=VALUE of the argument into the values of these keys.
function readArguments(keys, values) {
    lines = split(getArgument(), "\n");
    for (i = 0; i < lines.length; i++) {
        line = replace(lines[i], "\r", "");
        known = -1;
        for (j = 0; j < keys.length; j++)
            if (startsWith(line, keys[j] + "="))
                known = j;
        if (known >= 0)
            values[known] = substring(line, lengthOf(keys[known]) + 1);
        else if (String.trim(line) != "")
            fail("The argument '" + line + "' is none of " + String.join(keys, "=, ")
                + "=: write KEY=VALUE, one a line.");
    }
}

// Begin a dialog; called as a command with options it will take its values from these.
function startDialog() {
    options = "" + call("ij.Macro.getOptions");
    if (options == "null" && isHeadless())
        fail("Without a screen there is no dialog: give arguments, one KEY=VALUE a line.");
    Dialog.create(replace(NAME, "_", " "));
}

function isHeadless() {
    if (call("java.awt.GraphicsEnvironment.isHeadless") == "true")
        return true;
    return false;
}

function number(key, text) {
    value = parseFloat(String.trim(text));
    if (isNaN(value))
        fail("The value " + text + " (" + key + ") is not a number: write for example 4.");
    return value;
}

function absolute(path) {
    if (path == "")
        return "";
    return File.getAbsolutePath(path);
}

// ---- results: the same in every CRISPIM macro that makes images ----

// Ask for a folder or file; a dialog without a screen has no such fields.
function addPath(label, path) {
    if (isHeadless())
        Dialog.addString(label, path);
    else if (startsWith(label, "Model") || startsWith(label, "Command"))
        Dialog.addFile(label, path);
    else
        Dialog.addDirectory(label, path);
}

function truth(key, text) {
    if (text != "true" && text != "false")
        fail("The value " + text + " (" + key + ") is neither true nor false.");
    if (text == "true")
        return true;
    return false;
}

function truthText(state) {
    if (state)
        return "true";
    return "false";
}

function place(output) {
    if (output == "")
        return " in the new image";
    return " written to " + output;
}

function renameUniquely(title) {
    name = title;
    i = 1;
    while (isOpen(name)) {
        i++;
        name = title + "-" + i;
    }
    rename(name);
}
