// Denoise the open image, a TIFF file or a folder of planes through CSBDeep's Fiji plugin.
//
// Needs a Fiji with the update site CSBDeep, a TensorFlow that loads there, the files crispim-*.groovy
// beside this one, and a model: `crispim-ij fiji install` brings all. Where the plugin can't run it takes
// the program crispim-ij.
//
// One file for all uses of Fiji's scripts. Plugins > CRISPIM > CRISPIM Denoise runs it with a list of the
// models that are installed and the noise that was measured. It can be opened in the Script Editor, recorded,
// called by run("CRISPIM Denoise", "model=crispim-2d ..."), and run without a screen:
//   ImageJ-linux64 --headless --run crispim-denoise.groovy "model='crispim-2d',input='in',output='out'"

#@ String (label = "Model (name, or path of a zip file)", persist = false) model
#@ File (label = "Input folder (empty: the open image)", style = "directory", required = false, persist = false) input
#@ File (label = "Output folder (empty: a new image)", style = "directory", required = false, persist = false) output
#@ String (label = "Noise (sd in counts, GAIN:OFFSET:READ, or auto)", value = "auto", persist = false) noise
#@ Double (label = "Strength (less leaves some in, more smooths)", value = 1, min = 0.5, max = 2, stepSize = 0.1) strength
#@ Integer (label = "Tile side (px; smaller takes less memory)", value = 512, min = 1) tile
#@ Integer (label = "Overlap of tiles (px; 0: as the model says)", value = 0, min = 0, persist = false) overlap
#@ Integer (label = "Block size (px; 0: as the model says)", value = 0, min = 0, persist = false) block
#@ Boolean (label = "Overwrite files", value = false, persist = false) overwrite
#@ Boolean (label = "Resume a folder: skip its finished planes", value = false, persist = false) resume
#@ Context context
#@output ij.ImagePlus denoised

import ij.IJ
import java.awt.GraphicsEnvironment
import org.scijava.script.ScriptModule

def info = binding.getVariable(ScriptModule.name).info
def folder = new File(info.path).absoluteFile.parentFile
def loader = new GroovyClassLoader(getClass().classLoader)
['noise', 'network', 'job'].each { loader.parseClass(new File(folder, "crispim-${it}.groovy")) }
def Denoising = loader.loadClass('Denoising')

// What was shown was measured on the image that was open; of a folder that says nothing.
def told = noise == info.getInput('noise').defaultValue ? 'auto' : noise
def wanted = [model: model, input: input, output: output, noise: told, strength: strength, tile: tile,
    overlap: overlap, block: block, overwrite: overwrite, resume: resume]
def (String said, String problem) = Denoising.attempt {
    def denoising = Denoising.newInstance(context, folder, wanted)
    denoising.rememberModel()
    def answer = denoising.run()
    denoised = denoising.result
    answer
}
if (problem && GraphicsEnvironment.headless)
    throw new IllegalStateException("CRISPIM_Denoise: $problem")
if (problem)
    IJ.error('CRISPIM Denoise', problem)
else
    IJ.showStatus(said)
