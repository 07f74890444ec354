// The CRISPIM toolset: choose it from the menu '>>' of ImageJ's tool bar, and each macro is one
// click away. It replaces the tools right of '>>'; choose 'Startup Macros' there to have them back.
//
// Needs the CRISPIM macros in the folder plugins/CRISPIM of ImageJ 1.53q or later, or of a Fiji,
// and this file in macros/toolsets: `crispim-ij fiji install FIJI` puts all of them there.

macro "CRISPIM Preprocess Action Tool - C00aR00ffD22D52D84Db2D36Dc6D69D99D2bD7cDbbDdd" {
    start("CRISPIM_Preprocess");
}

macro "CRISPIM Denoise Action Tool - C00aR00ffC080O3388O5544" {
    start("CRISPIM_Denoise");
}

macro "CRISPIM Denoise CLI Action Tool - C00aR00ffC080L2468L682cL8cdc" {
    start("CRISPIM_Denoise_CLI");
}

macro "CRISPIM Compare Action Tool - C00aR00ffL818fC080O2577O9577" {
    start("CRISPIM_Compare");
}

macro "CRISPIM Help Action Tool - C00aT3e14?" {
    showMessage("CRISPIM", "<html><h3>CRISPIM</h3>"
        + "<p><b>Preprocess</b>: shrink planes and add noise, to make pairs to train on.</p>"
        + "<p><b>Denoise</b>: run a network in CSBDeep's plugin.</p>"
        + "<p><b>Denoise CLI</b>: run it with the command crispim-ij, where the plugin does not "
        + "work.</p>"
        + "<p><b>Compare</b>: PSNR, RMSE and correlation of two open images.</p>"
        + "<p>Each dialog has a button Help. The same commands are in Plugins &gt; CRISPIM.</p>"
        + "</html>");
}

function start(name) {
    path = getDirectory("plugins") + "CRISPIM" + File.separator + name + ".ijm";
    if (!File.exists(path))
        exit("The macro " + path + " is missing: run crispim-ij fiji install, or copy the CRISPIM "
            + "macros there.");
    // Assigned, because a lone runMacro prints the answer into the log.
    answer = runMacro(path);
}
