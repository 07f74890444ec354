// Denoise the open image, a TIFF file or a folder of planes: CRISPIM's entry in the menu of Fiji.
//
// Needs a Fiji with the update site CSBDeep, a TensorFlow that loads there, the files
// crispim-*.groovy beside this one, and a network that `crispim-ij export MODEL OUT` wrote, of a
// 3D model with `--format csbdeep-stack` (crispim-ij fiji install brings all that ships). Where the
// plugin doesn't run, as in plain ImageJ, with protobuf 4 or on Apple silicon, the program
// crispim-ij does it, through CRISPIM_Denoise_CLI.ijm.
//
// By hand in a Fiji crispim-denoise.groovy asks in a dialog. Called from a macro this takes lines
// KEY=VALUE:
//   runMacro("CRISPIM_Denoise.ijm", "model=crispim-2d\ninput=/data/my scan\noutput=/data/clean");
// Values are taken as they stand: spaces, quotes and backslashes need no care. What is left out
// has the value given here:
//   model=          name of a model in Fiji's folder models/CRISPIM, or path of a zip file
//   input=          folder of TIFF planes, or a TIFF file; empty: the image that is open
//   output=         folder for a folder, .tif file for a file; empty: leave the result open
//   noise=auto      sd of the noise in counts, or GAIN:OFFSET:READ, for a network that is told it;
//                   with commas one for each channel; auto: measured
//   strength=1      0.5 to 2: how strong the noise is taken to be; less leaves some in
//   tile=512        about the longest side, in px, that the network is given at once
//   overlap=0       how far the network sees, in px, or more; 0: as the zip file says
//   block=0         side of the network's coarsest cell, in px; 0: as the zip file says
//   overwrite=false      true: replace files of the same names
//   resume=false    true: of a folder, skip the planes that an earlier run has finished
//
// This file reads and checks what is given. All else is done by crispim-job.groovy: planes in and
// out, crispim-noise.groovy: the noise, and crispim-network.groovy: CSBDeep's plugin.
//
// Called with arguments it returns a text that begins with "CRISPIM_Denoise: " where all went well,
// which callers can test: a macro that fails raises nothing.

var NAME = "CRISPIM_Denoise";
var COMMAND = "Run your network";
var written = newArray(0), scratch = newArray(0);

requires("1.53q");
keys = newArray("model", "input", "output", "noise", "strength", "tile", "overlap", "block",
    "overwrite", "resume");
values = newArray("", "", "", "auto", "1", "512", "0", "0", "false", "false");
folder = folderOf("crispim-job.groovy");
hasPlugin = isCommand(COMMAND);
byHand = isByHand();
said = "";
if (byHand && isFiji() && folder != "")
    said = inFiji(folder, "ask(context, folder)");
else {
    if (getArgument() != "")
        readArguments(keys, values);
    else
        ask(values);
    if (byHand)
        said = byProgram(keys, values);
    else
        said = denoised(keys, values);
}
showStatus(said);
// By hand, Fiji would show what is returned as a table.
if (getArgument() != "")
    return said;

// Refuse what can be seen to be wrong before anything is started.
function check(values) {
    noises = split(values[3], ",");
    for (i = 0; i < noises.length; i++)
        checkNoise(noises[i]);
    strength = number("strength", values[4]);
    if (strength < 0.5 || strength > 2)
        fail("The value " + values[4] + " (strength) is not from 0.5 to 2.");
    checkCount("tile", values[5], 1);
    checkCount("overlap", values[6], 0);
    checkCount("block", values[7], 0);
    overwrite = truth("overwrite", values[8]);
    resume = truth("resume", values[9]);
    if (values[1] == "" && nImages == 0)
        fail("No image is open and no input is given: open one, or name a folder (input).");
    if (!hasPlugin)
        checkKind(values[1]);
}

// Refuse an image that the networks don't take, in an ImageJ that can't run crispim-job.groovy, which
// looks at what it opens.
function checkKind(path) {
    if (path != "" && (!File.exists(path) || File.isDirectory(path)))
        return;
    if (path != "") {
        setBatchMode(true);
        open(path);
        scratch = Array.concat(scratch, getImageID());
    }
    if (bitDepth() == 24 || (bitDepth() == 16 && calibrate(0) == -32768 && calibrate(1) == -32767))
        fail("The image " + getTitle() + " is RGB or signed 16-bit, which the network was not "
            + "trained on: convert it to 8, 16 or 32 bits of grey.");
    if (path != "") {
        close();
        setBatchMode(false);
    }
}

function checkNoise(text) {
    if (toLowerCase(String.trim(text)) == "auto")
        return;
    parts = split(text, ":");
    for (i = 0; i < parts.length; i++)
        sd = number("noise", parts[i]);
    if (parts.length == 1 && sd <= 0)
        fail("The value " + text + " (noise) is not more than 0: give the standard deviation in "
            + "counts, GAIN:OFFSET:READ, or auto to have it measured.");
}

function checkCount(key, text, least) {
    n = number(key, text);
    if (n < least || n != floor(n))
        fail("The value " + text + " (" + key + ") is not a whole number from 1 up.");
}

// Denoise by the plugin; or by the program, which knows the models that are installed by their names.
function denoised(keys, values) {
    name = values[0];
    values[0] = modelFile(name);
    check(values);
    if (!hasPlugin && File.exists(modelsFolder() + name + ".zip")) {
        values[0] = name;
        said = byProgram(keys, values);
        return said;
    }
    if (!hasPlugin)
        fail("This ImageJ has no command '" + COMMAND + "': add the update site CSBDeep in a Fiji "
            + "(Help > Update... > Manage update sites), or use CRISPIM_Denoise_CLI.");
    if (folder == "")
        fail("The file crispim-job.groovy is not in " + getDirectory("plugins") + "CRISPIM: put it "
            + "there, by crispim-ij fiji install or by hand.");
    // Assigned, because a lone call prints what it returns into the log.
    before = "" + call("java.lang.System.setProperty", "crispim.given", asLines(keys, values));
    said = inFiji(folder, "fromMacro(context, folder, System.getProperty('crispim.given'))");
    if (!startsWith(said, NAME + ":"))
        fail(said);
    return said;
}

// Have the program denoise, by its own macro.
function byProgram(keys, values) {
    beside = folderOf("CRISPIM_Denoise_CLI.ijm");
    if (beside == "")
        fail("The file CRISPIM_Denoise_CLI.ijm is not in " + getDirectory("plugins")
            + "CRISPIM: put it there.");
    // The plugin's own options, overlap and block, come before overwrite and resume.
    kept = Array.concat(Array.trim(keys, 6), Array.slice(keys, 8));
    said = runMacro(beside + File.separator + "CRISPIM_Denoise_CLI.ijm",
        asLines(kept, Array.concat(Array.trim(values, 6), Array.slice(values, 8))));
    if (!startsWith(said, NAME + "_CLI:"))
        fail("The program crispim-ij did not finish.");
    return replace(said, NAME + "_CLI", NAME);
}

function asLines(keys, values) {
    lines = "";
    for (i = 0; i < keys.length; i++)
        lines += keys[i] + "=" + values[i] + "\n";
    return lines;
}

// Call a function of the class Denoising in crispim-job.groovy, which has no dialog of Groovy's own.
function inFiji(folder, what) {
    before = "" + call("java.lang.System.setProperty", "crispim.folder", folder);
    return "" + call("groovy.util.Eval.me", "def folder = new File(System.getProperty('crispim.folder'));"
        + "def context = ij.IJ.runPlugIn('org.scijava.Context', '');"
        + "def loader = new GroovyClassLoader(getClass().classLoader);"
        + "['noise', 'network', 'job'].each { "
        + "loader.parseClass(new File(folder, 'crispim-' + it + '.groovy')) };"
        + "loader.loadClass('Denoising')." + what);
}

// The folder of a file that lies beside this macro, or in the folder for it; empty where there is none.
function folderOf(name) {
    folders = newArray(File.getParent(getInfo("macro.filepath")), getDirectory("plugins") + "CRISPIM");
    for (i = 0; i < folders.length; i++)
        if (File.exists(folders[i] + File.separator + name))
            return folders[i];
    return "";
}

// Whether a person started this, and no macro's options or arguments say what is wanted.
function isByHand() {
    options = "" + call("ij.Macro.getOptions");
    if (getArgument() == "" && options == "null" && !isHeadless())
        return true;
    return false;
}

// Whether this is ImageJ2, as every Fiji is: it tells its own version and that of ImageJ.
function isFiji() {
    if (indexOf(getVersion(), "/") >= 0)
        return true;
    return false;
}

function isCommand(name) {
    List.setCommands;
    if (List.get(name) != "")
        return true;
    return false;
}

// The zip file that a model's name or path stands for.
function modelFile(text) {
    if (text == "")
        fail("No model is named (model): give a name from Fiji's folder models/CRISPIM or the "
            + "path of a zip file that crispim-ij export wrote.");
    path = "" + modelsFolder() + text + ".zip";
    if (!File.exists(path))
        path = File.getAbsolutePath(text);
    if (!File.exists(path) || !endsWith(toLowerCase(path), ".zip"))
        fail("The model " + text + " (model) is neither a zip file nor the name of one in "
            + modelsFolder() + ": check the path, or export the model (crispim-ij export).");
    depth = 0;
    for (i = 0; i < lengthOf(path) && depth >= 0; i++) {
        if (substring(path, i, i + 1) == "[")
            depth++;
        if (substring(path, i, i + 1) == "]")
            depth--;
    }
    if (depth != 0)
        fail("The model's path " + path + " has a bracket without its other half, which ImageJ "
            + "can't keep in a recorded line: rename it.");
    return path;
}

function modelsFolder() {
    return getDirectory("imagej") + "models" + File.separator + "CRISPIM" + File.separator;
}

// Ask for the values in a dialog; called as a command with options, it takes them from these.
function ask(values) {
    startDialog();
    addPath("Model (name or zip file)", "crispim-2d");
    addPath("Input folder (empty: the open image)", values[1]);
    addPath("Output folder, .tif for one image (empty: leave it open)", values[2]);
    Dialog.addString("Noise (sd in counts; auto: measured)", values[3]);
    Dialog.addNumber("Strength", 1, 2, 6, "0.5 to 2");
    Dialog.addNumber("Tile side", 512, 0, 6, "px");
    Dialog.addNumber("Overlap of tiles", 0, 0, 6, "px (0: as the model says)");
    Dialog.addNumber("Block size", 0, 0, 6, "px (0: as the model says)");
    Dialog.addCheckbox("Overwrite files", false);
    Dialog.addCheckbox("Resume a folder: skip its finished planes", false);
    Dialog.addHelp("<html><h3>CRISPIM Denoise</h3>"
        + "<p>Runs a network in CSBDeep's plugin, or by the program crispim-ij where there is no "
        + "such plugin.<br>The result has the type, pixel size, LUT and display range of what went "
        + "in.</p>"
        + "<p><b>Model</b>: the name of one, or a zip file that <code>crispim-ij export</code> "
        + "wrote.<br>"
        + "<b>Input</b>: a folder with one TIFF file a plane, or nothing for the open image.<br>"
        + "<b>Noise</b>: its standard deviation, or GAIN:OFFSET:READ, and<br>"
        + "<b>Strength</b>: less than 1 leaves some in, more smooths. Models that guess the<br>"
        + "noise take no heed of either.<br>"
        + "<b>Tile</b>: smaller tiles need less memory; the result is the same.<br>"
        + "<b>Overlap</b> and <b>Block</b>: 0 takes what the model needs.</p></html>");
    Dialog.show();
    for (i = 0; i < 4; i++)
        values[i] = Dialog.getString();
    for (i = 4; i < 8; i++)
        values[i] = "" + Dialog.getNumber();
    values[8] = ticked("overwrite");
    values[9] = ticked("resume");
}

// The dialog's next tick, which a recorded line may have in the form of ImageJ2, KEY=true.
function ticked(key) {
    state = Dialog.getCheckbox();
    if (indexOf(" " + call("ij.Macro.getOptions"), " " + key + "=true") >= 0)
        return "true";
    said = truthText(state);
    return said;
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
