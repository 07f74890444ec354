// Downsample a stack and add Gaussian noise, as the CRISPIM paper prepared its training images.
//
// Needs ImageJ 1.53q or later. Works on the open image, or on the file named by the argument,
// which has one KEY=VALUE a line; what is left out has the value given here:
//   input=         file to open; empty: the image that is open
//   output=        TIFF file to save; empty: leave the result open
//   factor=4       by which width and height shrink, each rounded to whole pixels
//   interpolation=Bilinear    or None, Bicubic
//   sd=30          standard deviation of the noise in counts; 0 adds none
//   seed=0         of the one stream of noise that runs through all slices
//
// The pixels are those of `crispim-ij preprocess --seed-stack` with the same values.

function option(key, fallback) {
    lines = split(getArgument(), "\n");
    for (i = 0; i < lines.length; i++)
        if (startsWith(lines[i], key + "="))
            return substring(lines[i], lengthOf(key) + 1);
    return fallback;
}

input = option("input", "");
output = option("output", "");
factor = parseFloat(option("factor", "4"));
sd = parseFloat(option("sd", "30"));

if (input != "")
    open(input);
width = floor(getWidth() / factor + 0.5);
height = floor(getHeight() / factor + 0.5);
run("Size...", "width=" + width + " height=" + height + " depth=" + nSlices
    + " average interpolation=" + option("interpolation", "Bilinear"));
if (sd > 0) {
    random("seed", parseInt(option("seed", "0")));
    run("Add Specified Noise...", "stack standard=" + sd);
}
if (output != "")
    saveAs("Tiff", output);
