// Denoise the open image, a TIFF file or a folder of planes through CSBDeep's Fiji plugin.
//
// Needs a Fiji with the update site CSBDeep, a TensorFlow that loads there, the file
// crispim-network.groovy beside this one, and a network that `crispim-ij export MODEL OUT` wrote, of a
// 3D model with `--format csbdeep-stack` (crispim-ij fiji install brings all that ships). Where the
// plugin doesn't run, as with protobuf 4 or on Apple silicon, there is CRISPIM_Denoise_CLI.
//
// By hand it asks in a dialog. Called from a macro it takes lines KEY=VALUE:
//   runMacro("CRISPIM_Denoise.ijm", "model=crispim-2d\ninput=/data/my scan\noutput=/data/clean");
// Values are taken as they stand: spaces, quotes and backslashes need no care. What is left out
// has the value given here:
//   model=          name of a model in Fiji's folder models/CRISPIM, or path of a zip file
//   input=          folder of TIFF planes, or a TIFF file; empty: the image that is open
//   output=         folder for a folder, .tif file for a file; empty: leave the result open
//   noise=auto      sd of the noise in counts, for a network that is told it; auto: measured
//   strength=1      0.5 to 2: how strong the noise is taken to be; less leaves some in
//   tile=512        about the longest side, in px, that the network is given at once
//   overlap=0       how far the network sees, in px, or more; 0: as the zip file says
//   block=0         side of the network's coarsest cell, in px; 0: as the zip file says
//   overwrite=false      true: replace files of the same names
//   resume=false    true: of a folder, skip the planes that an earlier run has finished
//
// Networks that guess the noise take and give raw counts; those that are told it, as their zip file
// says, take counts divided by its sd. The plugin is run by crispim-network.groovy, which
// opens no dialog, and says what is done to planes before and after. A 3D network
// makes each plane of its neighbours along Z, so it needs a stack, not a folder of planes.
//
// Finished planes of a folder stay where a later one fails or Esc is pressed. Each keeps in its info what
// it was made of, by which resume=true tells whether it would come out the same.
//
// Called with arguments it returns a text that begins with "CRISPIM_Denoise: " where all went well,
// which callers can test: a macro that fails raises nothing.

var NAME = "CRISPIM_Denoise";
var COMMAND = "Run your network";
var SCRIPT = "crispim-network.groovy";
var written = newArray(0), scratch = newArray(0);
var planeWidth, planeHeight, planeDepth;
var script, model, made = "", tile, overlap, block;
var isStack, takesNoise, noise, strength;

requires("1.53q");
script = besideThis(SCRIPT);
keys = newArray("model", "input", "output", "noise", "strength", "tile", "overlap", "block",
    "overwrite", "resume");
values = newArray("", "", "", "auto", "1", "512", "0", "0", "false", "false");
if (getArgument() != "")
    readArguments(keys, values);
else
    ask(values);

model = modelFile(values[0]);
if (getArgument() == "")
    before = "" + call("ij.Prefs.set", "crispim.model", values[0]);
input = absolute(values[1]);
output = absolute(values[2]);
noise = noiseGiven(values[3]);
strength = number("strength", values[4]);
if (strength < 0.5 || strength > 2)
    fail("The value " + values[4] + " (strength) is not from 0.5 to 2.");
tile = count("tile", values[5]);
said = File.openAsRawString(model, File.length(model));
overlap = sizeOf("overlap", values[6], said, "tile_overlap", 32);
block = sizeOf("block", values[7], said, "axes_div_by", 4);
takesNoise = lastIndexOf(said, "\"input_scaling\": \"noise\"") >= 0;
isStack = lastIndexOf(said, "\"axes_out\": \"ZYXC\"") >= 0;
if (!isStack && lastIndexOf(said, "\"axes\": \"ZYXC\"") >= 0)
    fail("The model " + model + " makes one plane of a few: export it for whole stacks "
        + "(crispim-ij export --format csbdeep-stack).");
said = "";
overwrite = truth("overwrite", values[8]);
resume = truth("resume", values[9]);
names = namesIn(input);
if (isStack && names.length > 0)
    fail("The model " + model + " is a 3D network, which needs a stack: open the folder as one (File > "
        + "Import > Image Sequence...), or use CRISPIM_Denoise_CLI.");
if (resume && names.length == 0)
    fail("Only a folder of planes can be resumed (resume): name one (input).");
checkTarget(input, output, names, maxOf(overwrite, resume));
setBatchMode(true);

if (names.length == 0)
    planes = denoiseImage(input, output);
else
    planes = denoiseFolder(input, names, output, resume);
if (output == "" && !isHeadless())
    setBatchMode("exit and display");
said = NAME + ": " + counted(planes) + place(output);
showStatus(said);
// By hand, Fiji would show what is returned as a table.
if (getArgument() != "")
    return said;

// Denoise one file, or a copy of the image that is open; return the number of planes.
function denoiseImage(input, output) {
    if (input == "") {
        checkOpen();
        title = File.getNameWithoutExtension(getTitle()) + "-denoised";
        duplicate();
    } else {
        openTiff(input);
        title = File.getNameWithoutExtension(input) + "-denoised";
    }
    measure();
    denoise(input);
    renameUniquely(title);
    planes = nSlices;
    if (output != "") {
        saveTiff(output);
        close();
    }
    return planes;
}

// Denoise the planes of a folder; return their number.
function denoiseFolder(input, names, output, resume) {
    if (takesNoise && noise == 0) {
        openTiff(input + File.separator + names[floor(names.length / 2)]);
        measure();
        close();
    }
    for (k = 0; k < names.length; k++) {
        showProgress(k, names.length);
        source = input + File.separator + names[k];
        target = output + File.separator + names[k];
        if (resume && isFinished(k, target, source))
            continue;
        openTiff(source);
        checkPlane(k, names[k]);
        denoise(source);
        saveTiff(target);
        close();
        // A plane that is finished stays, whatever becomes of the next.
        written = newArray(0);
    }
    return names.length;
}

// Whether a plane is there and was made of the same; one that was made otherwise is refused.
function isFinished(k, target, source) {
    if (!File.exists(target))
        return false;
    openTiff(target);
    checkPlane(k, target);
    info = getMetadata("Info");
    close();
    if (indexOf(info, NAME + ": " + madeFrom(source) + " ") < 0)
        fail("The plane " + target + " is not what this run would make of its input: choose another "
            + "output, or overwrite=true.");
    return true;
}

// What decides the pixels of a result, for its info.
function madeFrom(path) {
    if (made == "")
        checkPlugin();
    text = "model=" + model + " sha256=" + made;
    if (takesNoise)
        text += " noise=" + noise + " strength=" + strength;
    text += " overlap=" + overlap + " block=" + block;
    if (path != "")
        text += " input=" + path + " bytes=" + d2s(File.length(path), 0) + " modified="
            + d2s(File.lastModified(path), 0);
    return text;
}

// Measure the noise of the current image where the network must be told it and nobody has.
function measure() {
    if (takesNoise && noise == 0)
        noise = measured();
}

// Put what the network makes of the current image, from a path or none, in its place.
function denoise(path) {
    if (bitDepth() == 24 || isSigned())
        fail("The image " + getTitle() + " is RGB or signed 16-bit, which the network was not "
            + "trained on: convert it to 8, 16 or 32 bits of grey.");
    Stack.getDimensions(width, height, channels, slices, frames);
    if (isStack && slices == 1 && nSlices > 1)
        fail("The image " + getTitle() + " has " + nSlices + " planes but one slice for each channel and "
            + "time point, and a 3D network needs slices: say so (Image > Properties...), or "
            + "choose a 2D model.");
    from = madeFrom(path);
    run("Select None");
    unit = 1;
    if (takesNoise)
        unit = noise * strength;
    problem = throughNetwork("script=" + script + "\nmodel=" + model + "\nunit=" + d2s(unit, 9) + "\ntile="
        + tile + "\noverlap=" + overlap + "\nblock=" + block + "\nstacks=" + truthText(isStack));
    if (problem != "")
        fail(problem);
    record(from + " tile=" + tile + " ImageJ=" + getVersion());
}

// Run the script on the current image, with lines KEY=VALUE for its other parameters; return what
// went wrong. As the script module is run without what follows modules, nothing is shown.
function throughNetwork(lines) {
    // Assigned, because a lone call prints what it returns into the log.
    before = "" + call("java.lang.System.setProperty", "crispim.network", lines);
    return "" + call("groovy.util.Eval.me", "def given = System.getProperty('crispim.network')"
        + ".split('\\n').collectEntries { it.split('=', 2).toList() };"
        + "given.image = ij.IJ.getImage();"
        + "def context = ij.IJ.runPlugIn('org.scijava.Context', '');"
        + "def service = { context.service('org.scijava.' + it) };"
        + "def script = service('script.ScriptService').getScript(new File(given.remove('script')));"
        + "def before = service('plugin.PluginService').createInstancesOfType("
        + "org.scijava.module.process.PreprocessorPlugin);"
        + "service('module.ModuleService').run(script, before, [], given).get().getOutput('problem')");
}

// Refuse an ImageJ in which the plugin can't be run, and take the model's fingerprint.
function checkPlugin() {
    List.setCommands;
    if (List.get(COMMAND) == "")
        fail("This ImageJ has no command '" + COMMAND + "': add the update site CSBDeep in a Fiji "
            + "(Help > Update... > Manage update sites), or use CRISPIM_Denoise_CLI.");
    if (script == "")
        fail("The file " + SCRIPT + " is not in " + getDirectory("plugins") + "CRISPIM: put it there, "
            + "by crispim-ij fiji install or by hand.");
    before = "" + call("java.lang.System.setProperty", "crispim.model", model);
    made = call("groovy.util.Eval.me", "java.security.MessageDigest.getInstance('SHA-256')"
        + ".digest(new File(System.getProperty('crispim.model')).bytes).encodeHex().toString()");
}

// The path of a file beside this macro, or else in the folder for it; empty where there is none.
function besideThis(name) {
    folders = newArray(File.getParent(getInfo("macro.filepath")), getDirectory("plugins") + "CRISPIM");
    for (i = 0; i < folders.length; i++)
        if (File.exists(folders[i] + File.separator + name))
            return folders[i] + File.separator + name;
    return "";
}

// The sd of the noise of the current image's middle plane, or 0 where too little can be seen of it.
// A pixel less its surroundings, weighted 1 -2 1 both ways, is noise where structure is smooth; its
// smaller half tells the sd even where some isn't. What is clipped at 0 tells nothing.
function noiseOf() {
    shown = getSliceNumber();
    setSlice(floor((nSlices + 1) / 2));
    step = -floor(-sqrt(getWidth() * getHeight() / 50000));
    found = newArray(floor((getWidth() + step) / step) * floor((getHeight() + step) / step));
    n = 0;
    for (y = 1; y < getHeight() - 1; y += step)
        for (x = 1; x < getWidth() - 1; x += step) {
            a = getPixel(x - 1, y - 1);
            b = getPixel(x, y - 1);
            c = getPixel(x + 1, y - 1);
            d = getPixel(x - 1, y);
            e = getPixel(x, y);
            f = getPixel(x + 1, y);
            g = getPixel(x - 1, y + 1);
            h = getPixel(x, y + 1);
            i = getPixel(x + 1, y + 1);
            if (a * b * c * d * e * f * g * h * i != 0) {
                found[n] = abs(a + c + g + i - 2 * (b + d + f + h) + 4 * e) / 6;
                n++;
            }
        }
    setSlice(shown);
    if (n < 100)
        return 0;
    found = Array.sort(Array.trim(found, n));
    Array.getStatistics(Array.trim(found, floor(n / 2)), least, most, mean);
    // The mean of the smaller half of the absolute values of numbers of sd 1.
    return mean / 0.32465;
}

function measured() {
    sd = noiseOf();
    if (isNaN(sd) || sd <= 0)
        fail("The noise of " + getTitle() + " can't be measured: give its standard deviation in "
            + "counts (noise).");
    return sd;
}

// The sd that is given, 0 where it is to be measured.
function noiseGiven(text) {
    if (toLowerCase(String.trim(text)) == "auto")
        return 0;
    sd = number("noise", text);
    if (sd <= 0)
        fail("The value " + text + " (noise) is not more than 0: give the standard deviation in "
            + "counts, or auto to have it measured.");
    return sd;
}

// The number of px that is given; where that is 0, the largest that the model's file says.
function sizeOf(key, text, said, name, otherwise) {
    if (String.trim(text) != "0")
        return count(key, text);
    start = lastIndexOf(said, "\"" + name + "\"");
    if (start < 0)
        return otherwise;
    numbers = split(substring(said, indexOf(said, "[", start) + 1, indexOf(said, "]", start)), ",");
    largest = 0;
    for (i = 0; i < numbers.length; i++)
        largest = maxOf(largest, parseFloat(String.trim(numbers[i])));
    return largest;
}

function count(key, text) {
    n = number(key, text);
    if (n < 1 || n != floor(n))
        fail("The value " + text + " (" + key + ") is not a whole number from 1 up.");
    return n;
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
    list = getFileList(modelsFolder());
    installed = newArray(0);
    for (i = 0; i < list.length; i++)
        if (endsWith(list[i], ".zip"))
            installed = Array.concat(installed, substring(list[i], 0, lengthOf(list[i]) - 4));
    values[0] = call("ij.Prefs.get", "crispim.model", "");
    if (values[0] == "" && installed.length > 0)
        values[0] = installed[0];
    if (installed.length > 0)
        Dialog.addMessage("Models in this Fiji: " + String.join(installed, ", "));
    addPath("Model (name or zip file)", values[0]);
    addPath("Input folder (empty: the open image)", values[1]);
    addPath("Output folder, .tif for one image (empty: leave it open)", values[2]);
    if (nImages > 0 && bitDepth() != 24) {
        sd = noiseOf();
        if (sd > 0)
            values[3] = d2s(sd, 3);
    }
    shown = values[3];
    Dialog.addString("Noise, sd in counts (auto: measured)", shown);
    Dialog.addNumber("Strength", 1, 2, 6, "0.5 to 2");
    Dialog.addNumber("Tile side", 512, 0, 6, "px");
    Dialog.addNumber("Overlap of tiles", 0, 0, 6, "px (0: as the model says)");
    Dialog.addNumber("Block size", 0, 0, 6, "px (0: as the model says)");
    Dialog.addCheckbox("Overwrite files", false);
    Dialog.addCheckbox("Resume a folder: skip its finished planes", false);
    Dialog.addHelp("<html><h3>CRISPIM Denoise</h3>"
        + "<p>Runs a network in CSBDeep's plugin. The result has the type, pixel size, LUT and<br>"
        + "display range of what went in.</p>"
        + "<p><b>Model</b>: one that is installed, or a zip file that <code>crispim-ij export"
        + "</code> wrote.<br>"
        + "<b>Input</b>: a folder with one TIFF file a plane, or nothing for the open image.<br>"
        + "<b>Noise</b>: its standard deviation, as measured on the open image, and<br>"
        + "<b>Strength</b>: less than 1 leaves some in, more smooths. Models that guess the<br>"
        + "noise take no heed of either.<br>"
        + "<b>Tile</b>: smaller tiles need less memory; the result is the same.<br>"
        + "<b>Overlap</b> and <b>Block</b>: 0 takes what the model needs.</p>"
        + "<p>If the plugin does not run in your Fiji, use CRISPIM Denoise CLI.</p></html>");
    Dialog.show();
    values[0] = Dialog.getString();
    values[1] = Dialog.getString();
    values[2] = Dialog.getString();
    values[3] = Dialog.getString();
    for (i = 4; i < 8; i++)
        values[i] = "" + Dialog.getNumber();
    values[8] = truthText(Dialog.getCheckbox());
    values[9] = truthText(Dialog.getCheckbox());
    // What was measured on the open image says nothing of a folder.
    if (values[1] != "" && values[3] == shown)
        values[3] = "auto";
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

// ---- files: the same in every CRISPIM macro that opens and saves planes ----

function counted(n) {
    if (n == 1)
        return "1 plane";
    return d2s(n, 0) + " planes";
}

function isTiff(name) {
    lower = toLowerCase(name);
    if (endsWith(lower, ".tif") || endsWith(lower, ".tiff"))
        return true;
    return false;
}

function isSigned() {
    if (bitDepth() == 16 && calibrate(0) == -32768 && calibrate(1) == -32767)
        return true;
    return false;
}

function checkOpen() {
    if (nImages == 0)
        fail("No image is open and no input is given: open one, or name a folder (input).");
}

// The planes' files in natural order, 2.tif before 10.tif; none where the input is not a folder.
function namesIn(folder) {
    if (folder == "")
        return newArray(0);
    if (!File.exists(folder))
        fail("The input " + folder + " does not exist: check the path.");
    if (!File.isDirectory(folder))
        return newArray(0);
    names = newArray(0);
    list = getFileList(folder);
    for (i = 0; i < list.length; i++) {
        if (endsWith(list[i], "/") || isIgnored(toLowerCase(list[i])))
            continue;
        if (!isTiff(list[i]))
            fail(folder + File.separator + list[i] + " is not a TIFF file: move it out of the "
                + "folder of planes.");
        names = Array.concat(names, list[i]);
    }
    if (names.length == 0)
        fail("The folder " + folder + " holds no TIFF files: name the one that holds the planes.");
    order = newArray(names.length);
    for (i = 0; i < names.length; i++)
        order[i] = naturalKey(names[i]);
    Array.sort(order, names);
    return names;
}

// Files beside the planes that are no one's mistake.
function isIgnored(lower) {
    if (startsWith(lower, "crispim-") && (endsWith(lower, ".json") || endsWith(lower, ".csv")))
        return true;
    litter = newArray("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r");
    for (i = 0; i < litter.length; i++)
        if (lower == litter[i])
            return true;
    return false;
}

// A text that sorts as the name does when runs of digits count as numbers. ImageJ's sorting
// ignores case, so letters are written as their codes.
function naturalKey(name) {
    key = "";
    for (i = 0; i < lengthOf(name); i++) {
        code = charCodeAt(name, i);
        if (code < 48 || code > 57) {
            key += String.pad(code, 5);
            continue;
        }
        digits = "";
        while (i < lengthOf(name) && charCodeAt(name, i) >= 48 && charCodeAt(name, i) <= 57) {
            if (digits != "0")
                digits += substring(name, i, i + 1);
            else
                digits = substring(name, i, i + 1);
            i++;
        }
        i--;
        key += "!" + String.pad(lengthOf(digits), 3) + digits;
    }
    return key;
}

// Refuse an output that is the input, lies in it or exists already.
function checkTarget(input, output, names, overwrite) {
    if (output == "" && names.length > 0)
        fail("The folder " + input + " needs a place for its results: name a folder (output).");
    if (output == "")
        return;
    if (output == input || startsWith(output, input + File.separator))
        fail("The output " + output + " is the input or lies in it: choose another place.");
    if (names.length == 0 && !isTiff(output))
        fail("The output " + output + " is for one file: give it a name that ends in .tif.");
    if (names.length > 0 && (isTiff(output) || (File.exists(output) && !File.isDirectory(output))))
        fail("The output " + output + " is for many files: name a folder.");
    targets = newArray(1);
    targets[0] = output;
    if (names.length > 0)
        targets = Array.copy(names);
    for (i = 0; i < targets.length && !overwrite; i++) {
        if (names.length > 0)
            targets[i] = output + File.separator + targets[i];
        if (File.exists(targets[i]))
            fail("The file " + targets[i] + " exists already: choose another output, or "
                + "overwrite=true.");
    }
}

function makeFolders(folder) {
    if (File.isDirectory(folder))
        return;
    parent = File.getParent(folder);
    if (parent != "" && !File.isDirectory(parent))
        makeFolders(parent);
    File.makeDirectory(folder);
    if (!File.isDirectory(folder))
        fail("The folder " + folder + " can't be made: check the path and your permissions.");
}

function openTiff(path) {
    if (!isTiff(path))
        fail("The input " + path + " is not a TIFF file: convert it to TIFF.");
    before = nImages;
    open(path);
    scratch = Array.concat(scratch, getImageID());
    if (nImages != before + 1)
        fail("The file " + path + " can't be opened as one image: check it in ImageJ.");
}

// Refuse a file of a folder that is not one plane of the first one's size and type.
function checkPlane(k, name) {
    if (nSlices > 1)
        fail("The file " + name + " holds " + nSlices + " planes where a folder's files hold one "
            + "each: give that file itself as the input.");
    if (k == 0) {
        planeWidth = getWidth();
        planeHeight = getHeight();
        planeDepth = bitDepth();
    }
    if (getWidth() != planeWidth || getHeight() != planeHeight || bitDepth() != planeDepth)
        fail("The plane " + name + " is " + getWidth() + " x " + getHeight() + " px of "
            + bitDepth() + " bits but the first is " + planeWidth + " x " + planeHeight + " px of "
            + planeDepth + " bits: keep planes of one size and type in a folder.");
}

// Work on a copy of the current image, whole even where a region is selected.
function duplicate() {
    original = getImageID();
    selected = selectionType() >= 0;
    if (selected)
        run("Select None");
    run("Duplicate...", "title=crispim-copy duplicate");
    copy = getImageID();
    scratch = Array.concat(scratch, copy);
    if (selected) {
        selectImage(original);
        run("Restore Selection");
        selectImage(copy);
    }
}

function record(text) {
    info = getMetadata("Info");
    if (info != "" && !endsWith(info, "\n"))
        info += "\n";
    setMetadata("Info", info + NAME + ": " + text + "\n");
}

// Save the current image whole or not at all.
function saveTiff(path) {
    makeFolders(File.getParent(path));
    part = File.getParent(path) + File.separator + ".crispim.partial.tif";
    saveAs("Tiff", part);
    if (File.exists(path))
        ok = File.delete(path);
    if (File.rename(part, path) != 1)
        fail("The file " + path + " can't be written: check the path, the space and your "
            + "permissions.");
    written = Array.concat(written, path);
}
