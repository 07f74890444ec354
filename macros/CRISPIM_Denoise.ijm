// Denoise the open image, a TIFF file or a folder of planes through CSBDeep's Fiji plugin.
//
// Needs a Fiji with the update site CSBDeep, a TensorFlow that loads there, and a 2D network that
// `crispim-ij export MODEL OUT --format csbdeep` wrote (crispim-ij fiji install brings those that
// ship). Where the plugin doesn't run, as with protobuf 4 or on Apple silicon, there is
// CRISPIM_Denoise_CLI.
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
//
// Networks that guess the noise take and give raw counts; those that are told it, as their zip file
// says, take counts divided by its sd. So the plugin's normalisation is off. Planes are
// mirrored outwards by the overlap before the plugin sees them and cropped afterwards: its tiles
// then give what `crispim-ij denoise` gives, at the borders too. The plugin returns a plain 32-bit
// image; its pixels are rounded (half to even) and clipped to the type of the image that went in,
// and put into a copy of that, which has its calibration, LUTs, display range and labels.
//
// Headless the plugin's result never becomes an image, so the macro stops there with an error
// (crispim-ij fiji denoise runs the plugin headless). Where all went well it returns a text that
// begins with "CRISPIM_Denoise: ", which callers can test: a macro that fails raises nothing.

var NAME = "CRISPIM_Denoise";
var COMMAND = "Run your network";
var written = newArray(0), scratch = newArray(0);
var planeWidth, planeHeight, planeDepth;
var model, tile, overlap, block;
var takesNoise, noise, strength;
var tag = "crispim" + d2s(getTime(), 0);

requires("1.53q");
keys = newArray("model", "input", "output", "noise", "strength", "tile", "overlap", "block",
    "overwrite");
values = newArray("", "", "", "auto", "1", "512", "0", "0", "false");
if (getArgument() != "")
    readArguments(keys, values);
else
    ask(values);

model = modelFile(values[0]);
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
said = "";
overwrite = truth("overwrite", values[8]);
names = namesIn(input);
checkTarget(input, output, names, overwrite);

if (names.length == 0)
    planes = denoiseImage(input, output);
else
    planes = denoiseFolder(input, names, output);
if (output != "")
    close();
return NAME + ": " + counted(planes) + place(output);

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
    denoise();
    renameUniquely(title);
    if (output != "")
        saveTiff(output);
    return nSlices;
}

// Denoise the planes of a folder; return their number.
function denoiseFolder(input, names, output) {
    if (takesNoise && noise == 0) {
        openTiff(input + File.separator + names[floor(names.length / 2)]);
        noise = measured();
        close();
    }
    for (k = 0; k < names.length; k++) {
        showProgress(k, names.length);
        openTiff(input + File.separator + names[k]);
        checkPlane(k, names[k]);
        denoise();
        saveTiff(output + File.separator + names[k]);
        if (k < names.length - 1)
            close();
    }
    return names.length;
}

// Put what the network makes of the current image in its place.
function denoise() {
    if (bitDepth() == 24 || isSigned())
        fail("The image " + getTitle() + " is RGB or signed 16-bit, which the network was not "
            + "trained on: convert it to 8, 16 or 32 bits of grey.");
    image = getImageID();
    width = getWidth();
    height = getHeight();
    planes = nSlices;
    depth = bitDepth();
    run("Select None");
    if (takesNoise && noise == 0)
        noise = measured();
    unit = "value=" + d2s(noise * strength, 9) + " stack";
    rename(tag + "-image");
    margin = block * floor((overlap + block - 1) / block);
    tiles = floor((width + tile - 1) / tile) * floor((height + tile - 1) / tile);
    // The plugin may lose as many columns at the far end as there are tiles.
    wide = block * floor((2 * margin + width + tiles + block - 1) / block);
    high = block * floor((2 * margin + height + tiles + block - 1) / block);
    newImage(tag + "-input", depth + "-bit black", wide, high, planes);
    extended = getImageID();
    scratch = Array.concat(scratch, extended);
    run("Insert...", "source=" + tag + "-image destination=" + tag + "-input x=" + margin
        + " y=" + margin);
    mirrorAcross(extended, margin, margin + width);
    mirrorDown(extended, margin, margin + height);
    if (takesNoise) {
        run("32-bit");
        run("Divide...", unit);
    }
    result = throughNetwork(extended, tiles, margin);
    makeRectangle(margin, margin, width, height);
    run("Crop");
    if (takesNoise)
        run("Multiply...", unit);
    toDepth(depth);
    rename(tag + "-result");
    run("Insert...", "source=" + tag + "-result destination=" + tag + "-image x=0 y=0");
    closeImage(result);
    closeImage(extended);
    selectImage(image);
    told = "";
    if (takesNoise)
        told = " noise=" + noise + " strength=" + strength;
    record("model=" + model + told + " tile=" + tile + " overlap=" + overlap + " block=" + block
        + " ImageJ=" + getVersion());
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

// Fill the columns left and right of those from `low` on and before `high` with mirror images.
function mirrorAcross(image, low, high) {
    height = getHeight();
    while (low > 0) {
        n = minOf(low, high - low);
        copyFlipped(image, "Horizontally", low, 0, n, height, low - n, 0);
        low -= n;
    }
    while (high < getWidth()) {
        n = minOf(getWidth() - high, high - low);
        copyFlipped(image, "Horizontally", high - n, 0, n, height, high, 0);
        high += n;
    }
}

// Fill the rows above and below those from `low` on and before `high` with mirror images.
function mirrorDown(image, low, high) {
    width = getWidth();
    while (low > 0) {
        n = minOf(low, high - low);
        copyFlipped(image, "Vertically", 0, low, width, n, 0, low - n);
        low -= n;
    }
    while (high < getHeight()) {
        n = minOf(getHeight() - high, high - low);
        copyFlipped(image, "Vertically", 0, high - n, width, n, 0, high);
        high += n;
    }
}

function copyFlipped(image, direction, x, y, width, height, toX, toY) {
    selectImage(image);
    makeRectangle(x, y, width, height);
    run("Duplicate...", "title=" + tag + "-strip duplicate");
    run("Flip " + direction, "stack");
    run("Insert...", "source=" + tag + "-strip destination=" + tag + "-input x=" + toX
        + " y=" + toY);
    close(tag + "-strip");
    selectImage(image);
    run("Select None");
}

// Run the plugin on an image and return its result, which becomes the current image.
function throughNetwork(image, tiles, margin) {
    List.setCommands;
    if (List.get(COMMAND) == "")
        fail("This ImageJ has no command '" + COMMAND + "': add the update site CSBDeep in a Fiji "
            + "(Help > Update... > Manage update sites), or use CRISPIM_Denoise_CLI.");
    planes = nSlices;
    wide = getWidth();
    high = getHeight();
    before = imageIDs();
    preferModel();
    selectImage(image);
    run(COMMAND, "input=" + tag + "-input normalizeinput=false percentilebottom=3.0 "
        + "percentiletop=99.8 clip=false ntiles=" + tiles + " blockmultiple=" + block
        + " overlap=" + margin
        + " batchsize=1 modelfile=[" + model + "] modelurl=[ ] showprogressdialog=false");
    result = newImageSince(before);
    if (result == 0 && isHeadless())
        fail("Headless the result of '" + COMMAND + "' never becomes an image: run this macro in "
            + "Fiji's window, or use crispim-ij fiji denoise or CRISPIM_Denoise_CLI.");
    if (result == 0)
        fail("The command '" + COMMAND + "' gave no image: see Fiji's console (Window > Console) "
            + "for why, and try crispim-ij fiji doctor, or use CRISPIM_Denoise_CLI.");
    scratch = Array.concat(scratch, result);
    selectImage(result);
    if (getWidth() != wide || getHeight() != high || nSlices != planes || bitDepth() != 32)
        fail("The network made " + nSlices + " planes of " + getWidth() + " x " + getHeight()
            + " px from " + planes + " of " + wide + " x " + high + " px: choose a 2D network "
            + "(model), one that denoises each plane.");
    return result;
}

// The plugin takes the model that it used last even where it is told another (its stored
// preference wins over its argument), so that preference is set first, through Fiji's Groovy.
function preferModel() {
    // Assigned, because a lone call prints what it returns into the log.
    before = "" + call("java.lang.System.setProperty", "crispim.model", model);
    chosen = call("groovy.util.Eval.me", "def node = java.util.prefs.Preferences.userRoot()"
        + ".node('/de/csbdresden/csbdeep/commands/GenericNetwork');"
        + "node.put('GenericNetwork_modelfile', System.getProperty('crispim.model'));"
        + "node.get('GenericNetwork_modelfile', '')");
    if ("" + chosen != model)
        fail("Fiji's Groovy can't tell the plugin to use " + model + ": start Fiji with its own "
            + "Java, or use CRISPIM_Denoise_CLI.");
}

function imageIDs() {
    ids = newArray(nImages);
    for (i = 0; i < nImages; i++) {
        selectImage(i + 1);
        ids[i] = getImageID();
    }
    return ids;
}

// The image that came up since, 0 where none did; a window may take a moment.
function newImageSince(before) {
    for (tries = 0; tries < 50; tries++) {
        ids = imageIDs();
        for (i = 0; i < ids.length; i++) {
            known = false;
            for (j = 0; j < before.length; j++)
                if (ids[i] == before[j])
                    known = true;
            if (!known)
                return ids[i];
        }
        if (isHeadless())
            return 0;
        wait(100);
    }
    return 0;
}

// Round and clip the current 32-bit image to a type of so many bits.
function toDepth(depth) {
    for (i = 1; i <= nSlices; i++) {
        setSlice(i);
        getRawStatistics(finite);
        if (finite != getWidth() * getHeight())
            fail("The network's result holds NaN or infinite values: check the model and the "
                + "image.");
    }
    if (depth == 32)
        return;
    // Numbers from 2^23 to 2^24 are whole in 32 bits, and sums are rounded half to even.
    run("Add...", "value=12582912 stack");
    run("Subtract...", "value=12582912 stack");
    scaled = call("ij.process.ImageConverter.getDoScaling");
    setOption("ScaleConversions", false);
    run(depth + "-bit");
    if (scaled == "true")
        setOption("ScaleConversions", true);
}

function closeImage(id) {
    selectImage(id);
    close();
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
            + "can't pass on to the plugin: rename it.");
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
    // What was measured on the open image says nothing of a folder.
    if (values[1] != "" && values[3] == shown)
        values[3] = "auto";
    before = "" + call("ij.Prefs.set", "crispim.model", values[0]);
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
