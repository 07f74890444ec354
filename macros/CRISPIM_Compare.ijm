// Compare two open images plane by plane: PSNR, RMSE and Pearson correlation, in a results table.
//
// Needs ImageJ 1.53q or later, or a Fiji; nothing else.
//
// By hand it asks in a dialog. Called from a macro or headless it takes lines KEY=VALUE:
//   runMacro("CRISPIM_Compare.ijm", "clean=brain.tif\nresult=brain-denoised.tif");
// What is left out has the value given here:
//   clean=          title of an open image, or path of a file
//   result=         the same for the image that is measured
//   data_range=65535     the range in counts that PSNR refers to; the paper's
//   output=         CSV file for the figures, at full precision; empty: none
//
// The figures are those of `crispim-ij evaluate`: PSNR = 20 log10(data_range / RMSE) in dB, RMSE
// in counts, and PCC, Pearson's correlation over all pixels, NaN where an image is constant. All
// pixels count, whatever is selected. Several planes get a last row of means.
//
// Where all went well the macro returns "CRISPIM_Compare: " and the means, which callers can test:
// a macro that fails raises nothing, not even headless.

var NAME = "CRISPIM_Compare";
var written = newArray(0), scratch = newArray(0);

requires("1.53q");
keys = newArray("clean", "result", "data_range", "output");
values = newArray("", "", "65535", "");
if (getArgument() != "")
    readArguments(keys, values);
else
    ask(values);

range = number("data_range", values[2]);
if (!(range > 0))
    fail("The range " + values[2] + " (data_range) is not a number of counts above 0.");
output = absolute(values[3]);
if (output != "" && File.exists(output))
    fail("The file " + output + " exists already: choose another output.");
first = found("clean", values[0]);
second = found("result", values[1]);
planes = checkPair(first, second);
firstView = withoutSelection(first);
secondView = withoutSelection(second);
imageCalculator("Subtract create 32-bit stack", second, first);
difference = getImageID();
scratch = Array.concat(scratch, difference);

csv = "plane,psnr,rmse,pcc\n";
sums = newArray(0, 0, 0);
for (k = 1; k <= planes; k++) {
    figures = comparedPlane(first, second, difference, k, range);
    csv = csv + k + "," + decimal(figures[0], 9) + "," + decimal(figures[1], 9) + ","
        + decimal(figures[2], 9) + "\n";
    tabulate(labelOf(second, planes, "plane " + k), figures);
    for (i = 0; i < 3; i++)
        sums[i] += figures[i] / planes;
}
if (planes > 1)
    tabulate(labelOf(second, planes, "mean"), sums);
updateResults();
selectImage(difference);
close();
restoreView(first, firstView);
restoreView(second, secondView);
closeOpened(first);
closeOpened(second);
if (output != "")
    File.saveString(csv, output);
said = NAME + ": PSNR=" + decimal(sums[0], 2) + " dB, RMSE=" + decimal(sums[1], 2)
    + " counts, PCC=" + decimal(sums[2], 4) + ", means over " + counted(planes);
showStatus(said);
// By hand, Fiji would show what is returned as a table.
if (getArgument() != "")
    return said;

// PSNR, RMSE and Pearson correlation of plane k; no pixel's product is formed, only sums that
// ImageJ keeps in double precision: cov(a, b) = (var(a) + var(b) - var(b - a)) / 2.
function comparedPlane(first, second, difference, k, range) {
    a = moments(first, k);
    b = moments(second, k);
    d = moments(difference, k);
    rmse = sqrt(d[0] * d[0] + d[1]);
    psnr = 1 / 0;
    if (rmse > 0)
        psnr = 20 * log(range / rmse) / log(10);
    pcc = 0 / 0;
    if (a[1] > 0 && b[1] > 0)
        pcc = minOf(1, maxOf(-1, (a[1] + b[1] - d[1]) / 2 / sqrt(a[1] * b[1])));
    return newArray(psnr, rmse, pcc);
}

// Mean and variance over all pixels of plane k.
function moments(image, k) {
    selectImage(image);
    setSlice(k);
    getRawStatistics(n, mean, least, most, deviation);
    if (n != getWidth() * getHeight())
        fail("The image " + getTitle() + " holds NaN or infinite values: replace them first.");
    if (least == most)
        return newArray(mean, 0);
    return newArray(mean, deviation * deviation * (n - 1) / n);
}

// The open image of this title, or one opened from this path.
function found(key, text) {
    if (text == "")
        fail("No image is named (" + key + "): give the title of an open one, or a path.");
    titles = getList("image.titles");
    same = 0;
    for (i = 0; i < titles.length; i++)
        if (titles[i] == text)
            same++;
    if (same > 1)
        fail("Several open images are called " + text + " (" + key + "): rename one (Image > "
            + "Rename...).");
    if (same == 1)
        selectImage(text);
    else if (File.isFile(text)) {
        open(text);
        scratch = Array.concat(scratch, getImageID());
    } else
        fail("The image " + text + " (" + key + ") is neither open nor a file: check its name.");
    return getImageID();
}

// Refuse images that can't be compared; return how many planes they have.
function checkPair(first, second) {
    both = newArray(first, second);
    for (i = 0; i < 2; i++) {
        selectImage(both[i]);
        if (bitDepth() == 24)
            fail("The image " + getTitle() + " is RGB: split it into channels first.");
        if (bitDepth() < 32 && (calibrate(0) != 0 || calibrate(1) != 1))
            fail("The counts of " + getTitle() + " are calibrated, as those of signed 16-bit "
                + "images are: convert it to 32-bit first (Image > Type).");
    }
    planes = nSlices;
    size = d2s(getWidth(), 0) + " x " + d2s(getHeight(), 0) + " px, " + counted(nSlices);
    selectImage(first);
    other = d2s(getWidth(), 0) + " x " + d2s(getHeight(), 0) + " px, " + counted(nSlices);
    if (size != other)
        fail("The images are not of one size, but " + other + " and " + size + ": choose two that "
            + "belong together.");
    return planes;
}

// Take away an image's selection; return whether it had one, and which plane is shown.
function withoutSelection(image) {
    selectImage(image);
    view = newArray(selectionType(), getSliceNumber());
    if (view[0] >= 0)
        run("Select None");
    return view;
}

function restoreView(image, view) {
    selectImage(image);
    setSlice(view[1]);
    if (view[0] >= 0)
        run("Restore Selection");
}

// Close an image that this macro has opened.
function closeOpened(image) {
    for (i = 0; i < scratch.length; i++)
        if (scratch[i] == image) {
            selectImage(image);
            close();
        }
}

function labelOf(image, planes, which) {
    selectImage(image);
    if (planes == 1)
        return getTitle();
    return getTitle() + " " + which;
}

function counted(n) {
    if (n == 1)
        return "1 plane";
    return d2s(n, 0) + " planes";
}

function tabulate(label, figures) {
    row = nResults;
    setResult("Label", row, label);
    setResult("PSNR (dB)", row, d2s(figures[0], 4));
    setResult("RMSE (counts)", row, d2s(figures[1], 4));
    setResult("PCC", row, d2s(figures[2], 6));
}

function decimal(value, places) {
    if (value == 1 / 0)
        return "inf";
    if (isNaN(value))
        return "nan";
    return d2s(value, places);
}

// Ask for the values in a dialog; called as a command with options, it takes them from these.
function ask(values) {
    startDialog();
    titles = getList("image.titles");
    if (titles.length < 2)
        fail("Two images are needed: open the clean one and the one to measure.");
    Dialog.addChoice("Clean image", titles, titles[0]);
    Dialog.addChoice("Result to measure", titles, titles[1]);
    Dialog.addNumber("Data_range of PSNR", 65535, 0, 6, "counts");
    Dialog.addHelp("<html><h3>CRISPIM Compare</h3>"
        + "<p>Measures how far a result is from the clean image, plane by plane, as<br>"
        + "<code>crispim-ij evaluate</code> does.</p>"
        + "<p><b>PSNR</b>: 20 log10(data range / RMSE); the paper's range is 65535 counts.<br>"
        + "<b>RMSE</b>: root of the mean squared difference, in counts.<br>"
        + "<b>PCC</b>: Pearson's correlation over all pixels.</p></html>");
    Dialog.show();
    values[0] = Dialog.getChoice();
    values[1] = Dialog.getChoice();
    values[2] = "" + Dialog.getNumber();
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
