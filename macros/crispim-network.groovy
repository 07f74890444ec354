// Runs a network in CSBDeep's Fiji plugin on an image, and puts the result in the image's place.
//
// Needs a Fiji with the update site CSBDeep and a network that `crispim-ij export` wrote for it.
// Opens neither dialog nor window, with a screen or without. CRISPIM_Denoise.ijm calls it; scripts
// can, with every parameter: all but the image, the model and the services have defaults.
//
// Planes are mirrored outwards by what the network sees before the plugin sees them, and cropped
// afterwards. The plugin then gives what `crispim-ij denoise` gives, at the borders too. Results
// are rounded half to even and clipped to the image's type. Calibration, LUTs, display range and
// labels stay. A problem is returned as a sentence; then some planes may be done and others not.

#@ ij.ImagePlus image
#@ File (label = "Model (.zip)") model
#@ Double (label = "Counts that are 1 to the network", value = 1) unit
#@ Integer (label = "Tile side (px)", value = 512, min = 1) tile
#@ Integer (label = "Overlap of tiles (px)", value = 32, min = 0) overlap
#@ Integer (label = "Block size (px)", value = 4, min = 1) block
#@ Boolean (label = "The network takes whole stacks", value = false) stacks
#@ CommandService commands
#@ ConvertService converter
#@ ModuleService modules
#@ PluginService plugins
#@ PrefService preferences
#@output String problem

import groovy.transform.CompileStatic
import groovy.transform.Field
import ij.IJ
import ij.ImagePlus
import ij.ImageStack
import ij.process.FloatProcessor
import ij.process.ImageProcessor
import net.imagej.Dataset
import org.scijava.module.process.LoadInputsPreprocessor
import org.scijava.module.process.PreprocessorPlugin
import org.scijava.module.process.SaveInputsPreprocessor
import org.scijava.widget.InputHarvester

@Field static final String COMMAND = 'de.csbdresden.csbdeep.commands.GenericNetwork'
@Field static final String STORED = 'GenericNetwork_modelfile'

class Refused extends Exception {
    Refused(String sentence) { super(sentence) }
}

// How planes of one size are extended for the plugin, which loses as many columns at the far end
// as there are tiles.
@CompileStatic
class Extension {
    int width, height, margin, tiles, wide, high

    Extension(int width, int height, int tile, int overlap, int block) {
        this.width = width
        this.height = height
        margin = upTo(overlap, block)
        tiles = upTo(width, tile).intdiv(tile) * upTo(height, tile).intdiv(tile)
        wide = upTo(2 * margin + width + tiles, block)
        high = upTo(2 * margin + height + tiles, block)
    }

    static int upTo(int length, int multiple) {
        (length + multiple - 1).intdiv(multiple) * multiple
    }

    // The pixel that stands at a place beyond an end: a mirror image, the edge repeated.
    static int mirrored(int place, int length) {
        int within = Math.floorMod(place, 2 * length)
        Math.min(within, 2 * length - 1 - within)
    }

    FloatProcessor extend(ImageProcessor plane, double unit) {
        float[] pixels = new float[wide * high]
        int[] columns = new int[wide]
        for (int x = 0; x < wide; x++)
            columns[x] = mirrored(x - margin, width)
        for (int y = 0; y < high; y++) {
            int row = mirrored(y - margin, height) * width
            for (int x = 0; x < wide; x++)
                pixels[y * wide + x] = (float) (plane.getf(row + columns[x]) / unit)
        }
        new FloatProcessor(wide, high, pixels)
    }

    // Puts a result's own part in the place of a plane, in the plane's type.
    void restore(ImageProcessor result, double unit, ImageProcessor plane) {
        double most = plane.bitDepth == 8 ? 255 : 65535
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                double value = result.getf((y + margin) * wide + x + margin) * unit
                if (Double.isNaN(value) || Double.isInfinite(value))
                    throw new Refused("The network's result holds NaN or infinite values: check " +
                        'the model and the image.')
                if (plane.bitDepth != 32)
                    value = Math.min(Math.max(Math.rint(value), 0d), most)
                plane.setf(y * width + x, (float) value)
            }
    }
}

// The planes that go in together, as numbers of the image's slices: those of each channel and time
// for a network of stacks, which needs two at least.
def together() {
    if (!stacks)
        return (1..image.stackSize).collect { [it] }
    def depth = image.getNSlices()
    [(1..image.getNFrames()), (1..image.getNChannels())].combinations().collect { frame, channel ->
        (0..<Math.max(depth, 2)).collect { image.getStackIndex(channel, 1 + it % depth, frame) }
    }
}

// Runs the plugin on a stack of extended planes and returns what it gives, as a stack. It reads what
// it isn't given from stored preferences, and the model from there even where it is given one.
def throughNetwork(ImageStack given, Extension extension) {
    def info = commands.getCommand(COMMAND)
    if (info == null)
        throw new Refused("This ImageJ has no command 'Run your network': add the update site " +
            'CSBDeep in a Fiji (Help > Update... > Manage update sites), or use ' +
            'CRISPIM_Denoise_CLI.')
    def command = info.loadClass()
    def stored = preferences.get(command, STORED)
    def picture = new ImagePlus('crispim', given)
    preferences.put(command, STORED, model.path)
    try {
        def inputs = [input: converter.convert(picture, Dataset), modelFile: model, modelUrl: '',
            normalizeInput: false, percentileBottom: 3f, percentileTop: 99.8f, clip: false,
            nTiles: extension.tiles, blockMultiple: block, overlap: extension.margin, batchSize: 1,
            showProgressDialog: false, changeTFMapping: null]
        // Those left out ask in a dialog, or exchange inputs with the preferences. Without
        // postprocessors no window comes up with the result.
        def before = plugins.createInstancesOfType(PreprocessorPlugin).findAll {
            !(it instanceof InputHarvester || it instanceof LoadInputsPreprocessor
                || it instanceof SaveInputsPreprocessor)
        }
        def result = modules.run(info, before, [], inputs as Map<String, Object>).get()
        return asStack(result.getOutput('output'), given)
    } finally {
        picture.close()
        if (stored == null)
            preferences.remove(command, STORED)
        else
            preferences.put(command, STORED, stored)
    }
}

def asStack(output, ImageStack given) {
    if (output == null)
        throw new Refused("The command 'Run your network' gave no image: see Fiji's console " +
            '(Window > Console) for why, and try crispim-ij fiji doctor, or use ' +
            'CRISPIM_Denoise_CLI.')
    def result = converter.convert(output, ImagePlus)
    def got = [result.stackSize, result.width, result.height]
    def expected = [given.size, given.width, given.height]
    if (got != expected)
        throw new Refused("The network made ${got[0]} planes of ${got[1]} x ${got[2]} px from " +
            "${expected[0]} of ${expected[1]} x ${expected[2]} px: choose a network (model) that " +
            'crispim-ij export wrote for Fiji.')
    result.getStack()
}

def denoise() {
    def extension = new Extension(image.width, image.height, tile, overlap, block)
    def planes = image.getStack()
    IJ.resetEscape()
    together().each { numbers ->
        def given = new ImageStack(extension.wide, extension.high)
        numbers.each { given.addSlice(extension.extend(planes.getProcessor(it), unit)) }
        def result = throughNetwork(given, extension)
        if (IJ.escapePressed())
            throw new Refused('Canceled.')
        numbers.toUnique().eachWithIndex { number, k ->
            extension.restore(result.getProcessor(k + 1), unit, planes.getProcessor(number))
        }
        IJ.showProgress(numbers.last(), planes.size)
    }
    image.updateAndDraw()
}

try {
    denoise()
    problem = ''
} catch (Refused refused) {
    problem = refused.message
} catch (Throwable fault) {
    fault.printStackTrace()
    problem = "The command 'Run your network' failed (${fault}): see Fiji's console (Window > " +
        'Console), and try crispim-ij fiji doctor.'
}
