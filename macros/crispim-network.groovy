// Runs a network in CSBDeep's Fiji plugin on an image, and puts the result in the image's place.
//
// Needs a Fiji with the update site CSBDeep and a network that `crispim-ij export` wrote for it.
// crispim-denoise.groovy uses it. Opens neither dialog nor window, with a screen or without.
//
// Planes are mirrored outwards by what the network sees before the plugin sees them, and cropped
// afterwards. The plugin then gives what `crispim-ij denoise` gives, at the borders too. Results
// are rounded half to even and clipped to the image's type.

import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.ImageStack
import ij.process.FloatProcessor
import ij.process.ImageProcessor
import java.security.MessageDigest
import java.util.zip.ZipException
import java.util.zip.ZipFile
import net.imagej.Dataset
import org.scijava.Context
import org.scijava.command.CommandService
import org.scijava.convert.ConvertService
import org.scijava.module.ModuleService
import org.scijava.module.process.LoadInputsPreprocessor
import org.scijava.module.process.PreprocessorPlugin
import org.scijava.module.process.SaveInputsPreprocessor
import org.scijava.plugin.PluginService
import org.scijava.prefs.PrefService
import org.scijava.widget.InputHarvester

// A zip that `crispim-ij export` wrote, and what its meta.json says of the network.
@CompileStatic
class NetworkFile {
    final File file
    final String sha256
    final int overlap, block
    final boolean takesNoise, takesStacks

    // How pixels share the noise that the network was adapted to; null where they share none that it knows.
    final List<SharedNoise> learnt

    NetworkFile(File file) {
        this.file = file
        sha256 = MessageDigest.getInstance('SHA-256').digest(file.bytes).encodeHex().toString()
        String said = description(file)
        overlap = largest(said, 'tile_overlap', 32)
        block = largest(said, 'axes_div_by', 4)
        takesNoise = said.contains('"input_scaling": "noise"')
        learnt = sharedNoise(said)
        takesStacks = said.contains('"axes_out": "ZYXC"')
        if (!takesStacks && said.contains('"axes": "ZYXC"'))
            throw new Refused("The model $file makes one plane of a few: export it for whole stacks " +
                '(crispim-ij export --format csbdeep-stack).')
    }

    private static String description(File file) {
        try {
            def zip = new ZipFile(file)
            try {
                def entry = zip.getEntry('meta.json')
                return entry == null ? '' : zip.getInputStream(entry).getText('UTF-8')
            } finally {
                zip.close()
            }
        } catch (ZipException ignored) {
            return ''
        }
    }

    // An older file says only that pixels share noise.
    private static List<SharedNoise> sharedNoise(String said) {
        def found = said =~ /"learnt_grain": "([^"]*)"/
        if (!found.find())
            return null
        found.group(1) == 'true' ? [] : found.group(1).split(' ').collect { SharedNoise.parse(it) }
    }

    private static int largest(String said, String name, int otherwise) {
        def found = said =~ /"$name": \[([^\]]*)\]/
        found.find() ? found.group(1).split(',').collect { it.trim() as int }.max() : otherwise
    }
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

    // Extends a plane; in units of the noise where that is given.
    FloatProcessor extend(ImageProcessor plane, CameraNoise noise) {
        float[] pixels = new float[wide * high]
        int[] columns = new int[wide]
        for (int x = 0; x < wide; x++)
            columns[x] = mirrored(x - margin, width)
        for (int y = 0; y < high; y++) {
            int row = mirrored(y - margin, height) * width
            for (int x = 0; x < wide; x++) {
                float counts = plane.getf(row + columns[x])
                pixels[y * wide + x] = noise == null ? counts : (float) noise.stabilise(counts)
            }
        }
        new FloatProcessor(wide, high, pixels)
    }

    // Puts a result's own part in the place of a plane, in the plane's type.
    void restore(ImageProcessor result, CameraNoise noise, ImageProcessor plane) {
        double most = plane.bitDepth == 8 ? 255 : 65535
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                double value = result.getf((y + margin) * wide + x + margin)
                if (noise != null)
                    value = (float) noise.restore(value)
                if (Double.isNaN(value) || Double.isInfinite(value))
                    throw new Refused("The network's result holds NaN or infinite values: check " +
                        'the model and the image.')
                if (plane.bitDepth != 32)
                    value = Math.min(Math.max(Math.rint(value), 0d), most)
                plane.setf(y * width + x, (float) value)
            }
    }
}

// The plugin with one network.
class Network {
    static final String COMMAND = 'de.csbdresden.csbdeep.commands.GenericNetwork'
    private static final String STORED = 'GenericNetwork_modelfile'

    private final Context context
    private final NetworkFile network
    private final int tile, overlap, block

    Network(Context context, NetworkFile network, int tile, int overlap, int block) {
        this.context = context
        this.network = network
        this.tile = tile
        this.overlap = overlap
        this.block = block
    }

    // Why the plugin can't run in this Fiji, as a sentence's beginning; empty where nothing is known against it.
    static String obstacle(Context context) {
        if (context.service(CommandService).getCommand(COMMAND) == null)
            return "This ImageJ has no command 'Run your network'"
        if (System.getProperty('os.name').startsWith('Mac') && System.getProperty('os.arch') == 'aarch64')
            return 'TensorFlow 1 has no library for Apple silicon'
        try {
            // Came with protobuf 4, which TensorFlow 1 does not work with.
            Class.forName('com.google.protobuf.RuntimeVersion', false, Network.classLoader)
            return 'This Fiji has protobuf 4, which TensorFlow 1 does not work with'
        } catch (ClassNotFoundException ignored) {
            return ''
        }
    }

    // Denoises the planes of an image one by one, or the stack of each channel and time, in their place.
    // The noise of each channel, or one for all, goes to a network that is told it; after each step comes
    // a call with how many planes are done.
    void denoise(ImagePlus image, List<CameraNoise> noises, Closure<Void> done) {
        def extension = new Extension(image.width, image.height, tile, overlap, block)
        def planes = image.getStack()
        int count = 0
        together(image).each { List<Integer> numbers ->
            def channel = image.convertIndexToPosition(numbers[0])[0] - 1
            def noise = noises ? noises[Math.min(channel, noises.size() - 1)] : null
            def given = new ImageStack(extension.wide, extension.high)
            numbers.each { given.addSlice(extension.extend(planes.getProcessor(it), noise)) }
            def result = through(given, extension)
            count += numbers.toUnique().size()
            done(count)
            numbers.toUnique().eachWithIndex { number, k ->
                extension.restore(result.getProcessor(k + 1), noise, planes.getProcessor(number))
            }
        }
    }

    // The planes that go in together, as numbers of the image's slices: those of each channel and time
    // for a network of stacks, which needs two at least.
    private List<List<Integer>> together(ImagePlus image) {
        if (!network.takesStacks)
            return (1..image.stackSize).collect { [it] }
        def depth = image.getNSlices()
        [(1..image.getNFrames()), (1..image.getNChannels())].combinations().collect { frame, channel ->
            (0..<Math.max(depth, 2)).collect { image.getStackIndex(channel, 1 + it % depth, frame) }
        }
    }

    // Runs the plugin on a stack of extended planes and returns what it gives, as a stack. It reads what
    // it isn't given from stored preferences, and the model from there even where it is given one.
    private ImageStack through(ImageStack given, Extension extension) {
        def info = context.service(CommandService).getCommand(COMMAND)
        def command = info.loadClass()
        def preferences = context.service(PrefService)
        def converter = context.service(ConvertService)
        def stored = preferences.get(command, STORED)
        def picture = new ImagePlus('crispim', given)
        preferences.put(command, STORED, network.file.path)
        try {
            def inputs = [input: converter.convert(picture, Dataset), modelFile: network.file, modelUrl: '',
                normalizeInput: false, percentileBottom: 3f, percentileTop: 99.8f, clip: false,
                nTiles: extension.tiles, blockMultiple: block, overlap: extension.margin, batchSize: 1,
                showProgressDialog: false, changeTFMapping: null]
            // Those left out ask in a dialog, exchange inputs with the preferences, or record this as what
            // the user did. Without postprocessors no window comes up with the result.
            def before = context.service(PluginService).createInstancesOfType(PreprocessorPlugin).findAll {
                !(it instanceof InputHarvester || it instanceof LoadInputsPreprocessor
                    || it instanceof SaveInputsPreprocessor || it.class.simpleName == 'MacroRecorderPreprocessor')
            }
            def run = context.service(ModuleService).run(info, before, [], inputs as Map<String, Object>)
            return asStack(converter, run.get().getOutput('output'), given)
        } finally {
            picture.close()
            if (stored == null)
                preferences.remove(command, STORED)
            else
                preferences.put(command, STORED, stored)
        }
    }

    private static ImageStack asStack(ConvertService converter, output, ImageStack given) {
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
}
