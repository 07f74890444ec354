// Downsample planes and add Gaussian noise, as the CRISPIM paper prepared its training images.
//
// Needs ImageJ 1.53q or later, or a Fiji; nothing else.
//
// By hand it asks in a dialog. Called from a macro or headless it takes lines KEY=VALUE:
//   runMacro("CRISPIM_Preprocess.ijm", "input=/data/my scan\noutput=/data/noisy\nseed=1");
// Values are taken as they stand: spaces, quotes, backslashes and brackets need no care. What is
// left out has the value given here:
//   input=          folder of TIFF planes, or a TIFF file; empty: the image that is open
//   output=         folder for a folder, .tif file for a file; empty: leave the result open
//   clean=          where the same planes without noise go; empty: nowhere
//   factor=4        by which width and height shrink, each rounded to whole pixels
//   interpolation=Bilinear    or None, Bicubic
//   average=true    ImageJ's 'Average when downsizing'
//   noise_sd=30     standard deviation of the noise in counts; 0 adds none
//   seed=           plane k, from 0, is seeded with seed + k; empty: drawn at random
//   seed_stack=false     true: seed once and let one stream of noise run through all planes
//   overwrite=false      true: replace files of the same names
//   resume=false    true: of a folder, skip the planes that an earlier run has finished
//
// The pixels are those of `crispim-ij preprocess` with the same values. Only its ranges such as
// --noise-sd 30:40 can't be had here, because NumPy draws from them. What was done to a plane is
// added to its info (Image > Show Info...), by which resume=true tells whether it would come out the
// same. Finished planes of a folder stay where a later one fails or Esc is pressed.
//
// Where all went well the macro returns a text that begins with "CRISPIM_Preprocess: ", which
// callers can test: a macro that fails raises nothing, not even headless.

var NAME = "CRISPIM_Preprocess";
var written = newArray(0), scratch = newArray(0);
var planeWidth, planeHeight, planeDepth;
var factor, factorText, interpolation, average, sd, sdText, seed, seedText, seedStack, resume;

requires("1.53q");
keys = newArray("input", "output", "clean", "factor", "interpolation", "average", "noise_sd",
    "seed", "seed_stack", "overwrite", "resume");
values = newArray("", "", "", "4", "Bilinear", "true", "30", "", "false", "false", "false");
if (getArgument() != "")
    readArguments(keys, values);
else
    ask(values);

input = absolute(values[0]);
output = absolute(values[1]);
clean = absolute(values[2]);
factorText = String.trim(values[3]);
factor = number("factor", factorText);
interpolation = interpolationNamed(values[4]);
average = truth("average", values[5]);
sdText = String.trim(values[6]);
if (indexOf(sdText, ":") >= 0)
    fail("The range of standard deviations " + sdText + " (noise_sd) is for NumPy to draw from, "
        + "which a macro hasn't: give one number, or use crispim-ij preprocess.");
sd = number("noise_sd", sdText);
seedText = String.trim(values[7]);
seedStack = truth("seed_stack", values[8]);
overwrite = truth("overwrite", values[9]);
resume = truth("resume", values[10]);
if (!(factor > 0))
    fail("The factor " + factorText + " (factor) is not a positive number: choose one, such as 4.");
if (!(sd >= 0))
    fail("The noise " + sdText + " (noise_sd) is not a standard deviation from 0 up: write for "
        + "example 30.");
if (clean != "" && (output == "" || clean == output))
    fail("The planes without noise (clean) need a place other than that of the noisy ones "
        + "(output): name both.");
names = namesIn(input);
if (resume && names.length == 0)
    fail("Only a folder of planes can be resumed (resume): name one (input).");
if (resume && seedStack)
    fail("One stream of noise (seed_stack) can't be resumed (resume): make all planes again.");
checkTarget(input, output, names, maxOf(overwrite, resume));
if (clean != "")
    checkTarget(input, clean, names, maxOf(overwrite, resume));

setBatchMode(true);
if (names.length == 0)
    planes = preprocessImage(input, output, clean);
else
    planes = preprocessFolder(input, names, output, clean);
if (output == "")
    setBatchMode("show");
else if (names.length == 0)
    close();
// Not within a block: ImageJ 1.53q reports a false error there.
said = NAME + ": " + counted(planes) + place(output);
showStatus(said);
// By hand, Fiji would show what is returned as a table.
if (getArgument() != "")
    return said;

// Preprocess one file, or a copy of the image that is open; return the number of planes.
function preprocessImage(input, output, clean) {
    if (input == "") {
        checkOpen();
        title = File.getNameWithoutExtension(getTitle()) + "-preprocessed";
        duplicate();
        renameUniquely(title);
    } else
        openTiff(input);
    seed = chosenSeed(nSlices);
    downsample();
    if (clean != "")
        saveTiff(clean);
    addNoise(0, input);
    if (output != "")
        saveTiff(output);
    return nSlices;
}

// Preprocess the planes of a folder; return their number.
function preprocessFolder(input, names, output, clean) {
    if (resume && seedText == "")
        seedText = seedOfFinished(names, output);
    seed = chosenSeed(names.length);
    for (k = 0; k < names.length; k++) {
        showProgress(k, names.length);
        source = input + File.separator + names[k];
        target = output + File.separator + names[k];
        finished = false;
        if (resume)  // && would call the function all the same
            finished = isFinished(k, source, target, names[k], clean);
        if (finished)
            continue;
        openTiff(source);
        checkPlane(names[k]);
        downsample();
        if (clean != "")
            saveTiff(clean + File.separator + names[k]);
        addNoise(k, source);
        saveTiff(target);
        close();
        // A plane that is finished stays, whatever becomes of the next.
        written = newArray(0);
    }
    return names.length;
}

// Whether an earlier run has finished a plane; one that it made otherwise is refused.
function isFinished(k, source, target, name, clean) {
    if (!File.exists(target))
        return false;
    if (clean != "" && !File.exists(clean + File.separator + name))
        return false;
    if (indexOf(infoOf(target), NAME + ": " + madeFrom(k, source)) < 0)
        fail("The plane " + target + " is not what this run would make of its input: choose another "
            + "output, or overwrite=true.");
    return true;
}

// The seed of a run that is resumed, as each plane that it has finished tells; empty without one.
function seedOfFinished(names, output) {
    for (k = 0; k < names.length; k++) {
        target = output + File.separator + names[k];
        if (File.exists(target)) {
            info = infoOf(target);
            start = lastIndexOf(info, " seed=");
            if (start >= 0)
                return substring(info, start + 6, indexOf(info, " ", start + 6));
        }
    }
    return "";
}

function infoOf(path) {
    openTiff(path);
    info = getMetadata("Info");
    close();
    return info;
}

// Resize the current image as Image > Adjust > Size... does.
function downsample() {
    if (bitDepth() == 24 || isSigned())
        fail("The image " + getTitle() + " is RGB or signed 16-bit, for which this noise is not "
            + "defined: convert it to 8, 16 or 32 bits of grey.");
    if (bitDepth() < 32 && sd > pow(2, bitDepth()) - 1)
        fail("Noise of " + sdText + " counts (noise_sd) exceeds the range of " + getTitle() + ", "
            + "which has " + bitDepth() + " bits: choose less.");
    width = floor(getWidth() / factor + 0.5);
    height = floor(getHeight() / factor + 0.5);
    if (width < 1 || height < 1)
        fail("The planes of " + getTitle() + " have nothing left at factor " + factorText
            + ": choose a smaller one.");
    run("Select None");
    options = "width=" + width + " height=" + height + " interpolation=" + interpolation;
    if (average)
        options += " average";
    run("Size...", options);
}

// Add noise to the current image, whose slices are the planes from number `first` on.
function addNoise(first, path) {
    for (i = 0; i < nSlices && sd > 0; i++) {
        if (!seedStack || first + i == 0)
            random("seed", seed + first + i);
        setSlice(i + 1);
        run("Add Specified Noise...", "standard=" + sdText + " slice");
    }
    setSlice(1);
    record(madeFrom(first, path));
}

// What decides the pixels of a plane, for its info.
function madeFrom(first, path) {
    text = "factor=" + factorText + " interpolation=" + interpolation + " average="
        + truthText(average) + " noise_sd=" + sdText + " seed=" + d2s(seed, 0) + " seed_stack="
        + truthText(seedStack) + " plane=" + first + " ImageJ=" + getVersion();
    if (path != "")
        text += " input=" + path + " bytes=" + d2s(File.length(path), 0) + " modified="
            + d2s(File.lastModified(path), 0);
    return text;
}

// The seed that was given, or one drawn at random; plane k is seeded with it + k.
function chosenSeed(planes) {
    most = 2147483647;
    if (!seedStack)
        most -= planes - 1;
    if (seedText == "")
        return floor(random() * most);
    chosen = number("seed", seedText);
    if (chosen != floor(chosen) || chosen < -2147483648 || chosen > most)
        fail("The seed " + seedText + " (seed) is not a whole number from -2147483648 to "
            + d2s(most, 0) + ": choose one.");
    return chosen;
}

function interpolationNamed(text) {
    methods = newArray("None", "Bilinear", "Bicubic");
    for (i = 0; i < methods.length; i++)
        if (toLowerCase(text) == toLowerCase(methods[i]))
            return methods[i];
    fail("The interpolation " + text + " (interpolation) is not None, Bilinear or Bicubic.");
}

// Ask for the values in a dialog; called as a command with options, it takes them from these.
function ask(values) {
    startDialog();
    addPath("Input folder (empty: the open image)", values[0]);
    addPath("Output folder, .tif for one image (empty: leave it open)", values[1]);
    addPath("Clean planes, likewise (empty: not kept)", values[2]);
    Dialog.addNumber("Factor", 4);
    Dialog.addChoice("Interpolation", newArray("None", "Bilinear", "Bicubic"), values[4]);
    Dialog.addCheckbox("Average when downsizing", true);
    Dialog.addNumber("Noise_sd", 30, 2, 6, "counts");
    Dialog.addString("Seed (empty: drawn)", values[7], 12);
    Dialog.addCheckbox("Seed_stack once", false);
    Dialog.addCheckbox("Overwrite files", false);
    Dialog.addCheckbox("Resume a folder: skip its finished planes", false);
    Dialog.addHelp("<html><h3>CRISPIM Preprocess</h3>"
        + "<p>Makes pairs to train on: planes are shrunk by a factor, then noise is added, as"
        + "<br>Image &gt; Adjust &gt; Size... and Process &gt; Noise &gt; Add Specified Noise... "
        + "do.</p>"
        + "<p><b>Input</b>: a folder with one TIFF file a plane, or nothing for the open image.<br>"
        + "<b>Clean</b>: where the shrunk planes without noise go.<br>"
        + "<b>Seed</b>: plane k gets the noise of seed + k, so a run can be repeated;<br>"
        + "it is kept in each plane's info (Image &gt; Show Info...).<br>"
        + "<b>Seed stack once</b>: one stream of noise runs through all planes.</p>"
        + "<p>The pixels are those of <code>crispim-ij preprocess</code>.</p></html>");
    Dialog.show();
    values[0] = Dialog.getString();
    values[1] = Dialog.getString();
    values[2] = Dialog.getString();
    values[3] = "" + Dialog.getNumber();
    values[4] = Dialog.getChoice();
    values[5] = truthText(Dialog.getCheckbox());
    values[6] = "" + Dialog.getNumber();
    values[7] = Dialog.getString();
    values[8] = truthText(Dialog.getCheckbox());
    values[9] = truthText(Dialog.getCheckbox());
    values[10] = truthText(Dialog.getCheckbox());
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
function checkPlane(name) {
    if (nSlices > 1)
        fail("The file " + name + " holds " + nSlices + " planes where a folder's files hold one "
            + "each: give that file itself as the input.");
    if (planeWidth == 0) {
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
