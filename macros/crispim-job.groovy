// Denoises the open image, a TIFF file or a folder of planes: what CRISPIM_Denoise is made of.
//
// Needs a Fiji, and the files crispim-network.groovy and crispim-noise.groovy. crispim-denoise.groovy
// and CRISPIM_Denoise.ijm use it.
//
// Where CSBDeep's plugin can't run, CRISPIM_Denoise_CLI.ijm does it by the program crispim-ij. Finished
// planes of a folder stay where a later one fails or Esc is pressed. Each result keeps in its info what
// it was made of, by which a run that resumes tells whether it would come out the same.

import ij.IJ
import ij.ImagePlus
import ij.Prefs
import ij.WindowManager
import ij.io.FileSaver
import ij.io.Opener
import ij.macro.Interpreter
import ij.plugin.Duplicator
import ij.plugin.frame.Recorder
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import org.scijava.Context
import org.scijava.MenuEntry
import org.scijava.MenuPath
import org.scijava.module.ModuleService
import org.scijava.script.ScriptService

class Denoising {
    static final String NAME = 'CRISPIM_Denoise'
    private static final String OF_MEAN = 'What is told of it is a mean, so results are worse: give planes as the ' +
        'camera took them, not resized.'
    private static final String OF_SHARED = '3D models may take what planes share for structure: give ' +
        'planes as the microscope took them, without that pattern.'
    private static final String OF_GRAIN = 'give planes as the camera took them, not resized, or a model that is ' +
        'adapted to them (crispim-ij adapt).'
    private static final String LAST_MODEL = 'crispim.model'
    private static final long LONGEST_WAIT_MS = 3000

    private final Context context
    private final File folder, input, output
    private final String model
    private final NetworkFile network
    private List<CameraNoise> noises
    private final double strength
    private final int tile, overlap, block
    private final boolean overwrite, resume
    private int finished, inAll
    private final Interpreter caller = Interpreter.instance
    ImagePlus result

    // Takes the folder of these files and what is wanted, by the names that CRISPIM_Denoise.ijm tells.
    Denoising(Context context, File folder, Map<String, Object> wanted) {
        this.context = context
        this.folder = folder
        model = wanted.model ?: ''
        input = place(wanted.input)
        output = place(wanted.output)
        noises = CameraNoise.parseAll(wanted.noise as String)
        strength = wanted.strength as double
        if (!(strength >= 0.5d && strength <= 2))
            throw new Refused("The value ${wanted.strength} (strength) is not from 0.5 to 2.")
        tile = count(wanted, 'tile', 1)
        overwrite = wanted.overwrite.toString() == 'true'
        resume = wanted.resume.toString() == 'true'
        network = new NetworkFile(modelFile(model))
        overlap = count(wanted, 'overlap', 0) ?: network.overlap
        block = count(wanted, 'block', 0) ?: network.block
    }

    private static File place(given) {
        def path = given == null ? '' : given.toString()
        path ? new File(path).absoluteFile : null
    }

    private static int count(Map<String, Object> wanted, String key, int least) {
        double number = wanted[key] as double
        if (number != Math.rint(number) || number < least)
            throw new Refused("The value ${wanted[key]} ($key) is not a whole number from $least up.")
        number as int
    }

    // Has the dialog begin with this model the next time: one that is there.
    void rememberModel() { Prefs.set(LAST_MODEL, model) }

    static File modelsFolder() { new File(IJ.getDirectory('imagej') ?: '.', 'models/CRISPIM') }

    // Names of the models that are installed.
    static List<String> models() {
        def files = modelsFolder().list({ dir, name -> name.endsWith('.zip') } as FilenameFilter)
        (files ?: [] as String[]).toList()*.minus(~/\.zip$/).sort()
    }

    private static File modelFile(String text) {
        def named = new File(modelsFolder(), text + '.zip')
        def file = text && named.exists() ? named : new File(text).absoluteFile
        if (!text || !file.file || !file.name.toLowerCase().endsWith('.zip'))
            throw new Refused("The model $text (model) is neither a zip file nor the name of one in " +
                "${modelsFolder()}: check the path, or export the model (crispim-ij export).")
        file
    }

    // Denoises all; returns what was done, as a sentence.
    String run() {
        def names = input?.directory ? planeNames() : []
        if (network.takesStacks && names)
            throw new Refused("The model ${network.file} is a 3D network, which needs a stack: open the " +
                'folder as one (File > Import > Image Sequence...), or use CRISPIM_Denoise_CLI.')
        if (resume && !names)
            throw new Refused('Only a folder of planes can be resumed (resume): name one (input).')
        checkTarget(names)
        def obstacle = Network.obstacle(context)
        if (obstacle)
            return byProgram(obstacle)
        IJ.resetEscape()
        IJ.showStatus("$NAME: ${network.file.name}")
        try {
            return names ? denoiseFolder(names) : denoiseImage()
        } finally {
            IJ.showProgress(1.0d)
        }
    }

    private String denoiseImage() {
        def original = input == null ? openImage() : open(input)
        result = input == null ? copyOf(original) : original
        inAll = result.stackSize
        tellNoise(result.title, stacksOf(result)) { result.getStack().getProcessor(it) }
        denoise(result, input)
        def name = (input == null ? original.title : input.name).replaceFirst(/\.[^.]+$/, '') + '-denoised'
        def names = [name] + (2..99).collect { "$name-$it".toString() }
        result.title = names.find { WindowManager.getImage(it) == null } ?: name
        if (output == null)
            return said(inAll, 'in the new image')
        save(result, output)
        result = null
        said(inAll, "written to $output")
    }

    private String denoiseFolder(List<String> names) {
        def files = names.collect { new File(input, it) }
        inAll = names.size()
        def first = open(files[0])
        tellNoise("$input", [[(0..<files.size()).toList()]]) { checked(open(files[it]), files[it], first).getProcessor() }
        files.eachWithIndex { file, k ->
            def target = new File(output, file.name)
            if (!(resume && target.exists() && isFinished(target, file, first))) {
                def plane = checked(open(file), file, first)
                denoise(plane, file)
                save(plane, target)
            }
            finished = k + 1
            showProgress(0)
        }
        said(names.size(), "written to $output")
    }

    private static String said(int planes, String where) {
        "$NAME: ${planes == 1 ? '1 plane' : planes + ' planes'} $where"
    }

    // Whether a plane was made of the same; one that was made otherwise is refused.
    private boolean isFinished(File target, File source, ImagePlus first) {
        def info = checked(open(target), target, first).getInfoProperty() ?: ''
        if (!info.contains("$NAME: ${madeFrom(source)} "))
            throw new Refused("The plane $target is not what this run would make of its input: choose " +
                'another output, or overwrite=true.')
        true
    }

    // What decides the pixels of a result, for its info.
    private String madeFrom(File file) {
        def text = "model=${network.file} sha256=${network.sha256}"
        if (network.takesNoise)
            text += " noise=${CameraNoise.write(noises)} strength=${written(strength)}"
        text += " overlap=$overlap block=$block"
        file == null ? text : text + " input=$file bytes=${file.length()} modified=${file.lastModified()}"
    }

    private static String written(double number) {
        number == Math.rint(number) ? (number as int).toString() : number.toString()
    }

    // The noise of each channel, measured where the network must be told it and nobody has.
    private void tellNoise(String title, List<List<List<Integer>>> stacks, Closure read) {
        if (!network.takesNoise)
            return
        boolean isGiven = noises as boolean
        if (!isGiven)
            noises = measured(title, stacks, network.learnt, read)
        if (noises.size() != 1 && noises.size() != stacks.size())
            throw new Refused("The noise is told of ${noises.size()} channels, but there are " +
                "${stacks.size()} (noise): give one for each, or one for all.")
        if (isGiven)
            doubtGiven(title, stacks, read)
    }

    // Says what the planes tell against the noise that is given.
    private void doubtGiven(String title, List<List<List<Integer>>> stacks, Closure read) {
        stacks.eachWithIndex { stack, channel ->
            def meter = new NoiseMeter(stack, read)
            def doubts = [meter.doubt(noises[noises.size() == 1 ? 0 : channel]), meter.unlike(network.learnt)]
            if (isOfMean(meter, network.learnt))
                doubts << "${meter.problem} $OF_MEAN"
            else if (meter.noise != null && meter.alongZ)
                doubts << "${Resizing.ALONG_Z} $OF_SHARED"
            else if (meter.noise != null && meter.problem && network.learnt == null)
                doubts << "${meter.problem} The model knows no such noise: $OF_GRAIN"
            def says = doubts.findAll().join(' ')
            if (says)
                IJ.log("$NAME: ${which(title, channel, stacks.size())}: $says")
        }
    }

    // Whether noise that isn't equally strong everywhere is told as if it were, to a network that has not learnt it.
    private static boolean isOfMean(NoiseMeter meter, List<SharedNoise> learnt) {
        boolean isLearnt = meter.shares != null && learnt?.any { it.isLike(meter.shares) }
        meter.noise != null && !Double.isNaN(meter.period) && !isLearnt
    }

    private static String which(String title, int channel, int channels) {
        channels > 1 ? "channel ${channel + 1} of $title" : title
    }

    // Measures the noise of each channel: all of it, or where pixels share it what is fine.
    static List<CameraNoise> measured(String title, List<List<List<Integer>>> stacks, List<SharedNoise> learnt,
            Closure read) {
        stacks.withIndex().collect { stack, channel ->
            def meter = new NoiseMeter(stack, read)
            def which = which(title, channel, stacks.size())
            boolean isWhole = learnt != null && meter.whole != null
            def unlike = meter.unlike(learnt)
            if (meter.noise == null && !isWhole)
                throw new Refused("The noise of $which can't be measured: give its standard deviation in " +
                    "counts (noise). ${meter.problem}")
            if (isOfMean(meter, learnt))
                IJ.log("$NAME: $which: ${meter.problem} $OF_MEAN")
            else if (meter.noise != null && meter.alongZ)
                IJ.log("$NAME: $which: ${meter.problem} $OF_SHARED")
            else if (meter.problem && !isWhole)
                IJ.log("$NAME: $which: ${meter.problem} Little of it can be removed: $OF_GRAIN")
            if (unlike)
                IJ.log("$NAME: $which: $unlike")
            if (meter.noise == null)
                IJ.log("$NAME: $which: ${meter.problem} What differs between neighbouring planes where they " +
                    'are flat is taken for noise.')
            isWhole ? meter.whole : meter.noise
        }
    }

    // Numbers of slices of each channel, and of each time a row along Z.
    static List<List<List<Integer>>> stacksOf(ImagePlus image) {
        (1..image.getNChannels()).collect { channel ->
            (1..image.getNFrames()).collect { frame ->
                (1..image.getNSlices()).collect { image.getStackIndex(channel, it, frame) }
            }
        }
    }

    // Puts what the network makes of an image, from a file or none, in its place.
    private void denoise(ImagePlus image, File file) {
        checkKind(image)
        if (network.takesStacks && image.getNSlices() == 1 && image.stackSize > 1)
            throw new Refused("The image ${image.title} has ${image.stackSize} planes but one slice for each " +
                'channel and time point, and a 3D network needs slices: say so (Image > Properties...), ' +
                'or choose a 2D model.')
        def told = network.takesNoise ? noises*.scaled(strength) : []
        int planes = image.stackSize
        new Network(context, network, tile, overlap, block).denoise(image, told) { int done ->
            // Esc ends a macro, but not what it has called.
            if (IJ.escapePressed() || caller?.done())
                throw new Refused('Canceled.')
            showProgress(done / (double) planes * (inAll == planes ? inAll : 1))
        }
        def info = image.getInfoProperty() ?: ''
        image.setProperty('Info', (info && !info.endsWith('\n') ? info + '\n' : info) +
            "$NAME: ${madeFrom(file)} tile=$tile ImageJ=${IJ.version}\n")
    }

    private void showProgress(double more) {
        IJ.showProgress(Math.min(1d, (finished + more) / inAll))
        IJ.showStatus("$NAME: ${(finished + more) as int} of $inAll planes")
    }

    private static void checkKind(ImagePlus image) {
        if (image.bitDepth == 24 || image.calibration.isSigned16Bit())
            throw new Refused("The image ${image.title} is RGB or signed 16-bit, which the network was not " +
                'trained on: convert it to 8, 16 or 32 bits of grey.')
    }

    static ImagePlus openImage() {
        def image = WindowManager.currentImage
        if (image == null)
            throw new Refused('No image is open and no input is given: open one, or name a folder (input).')
        image
    }

    private static ImagePlus open(File file) {
        if (!file.exists())
            throw new Refused("The input $file does not exist: check the path.")
        if (!isTiff(file.name))
            throw new Refused("The input $file is not a TIFF file: convert it to TIFF.")
        def opener = new Opener()
        opener.silentMode = true
        def image = opener.openImage(file.path)
        if (image == null)
            throw new Refused("The file $file can't be opened as one image: check it in ImageJ.")
        image
    }

    // A copy, whole even where a region is selected, with overlay and info.
    private static ImagePlus copyOf(ImagePlus image) {
        def region = image.roi
        image.deleteRoi()
        try {
            def copy = new Duplicator().run(image)
            copy.setOverlay(image.overlay?.duplicate())
            copy.setProperty('Info', image.getProperty('Info'))
            return copy
        } finally {
            if (region != null)
                image.setRoi(region)
        }
    }

    // Refuses a file of a folder that is not one plane of the first one's size and type.
    private static ImagePlus checked(ImagePlus plane, File file, ImagePlus first) {
        if (plane.stackSize > 1)
            throw new Refused("The file ${file.name} holds ${plane.stackSize} planes where a folder's files " +
                'hold one each: give that file itself as the input.')
        def kind = { "${it.width} x ${it.height} px of ${it.bitDepth} bits" }
        if (kind(plane) != kind(first))
            throw new Refused("The plane ${file.name} is ${kind(plane)} but the first is ${kind(first)}: keep " +
                'planes of one size and type in a folder.')
        plane
    }

    // The planes' files in natural order, 2.tif before 10.tif, without what is no one's mistake.
    private List<String> planeNames() {
        def litter = ['thumbs.db', 'ehthumbs.db', 'desktop.ini', 'icon\r']
        def names = input.listFiles().findAll { !it.directory && !it.hidden }*.name.findAll {
            def lower = it.toLowerCase()
            !(lower in litter || lower ==~ /crispim-.*\.(json|csv)/)
        }
        def stranger = names.find { !isTiff(it) }
        if (stranger)
            throw new Refused("${new File(input, stranger)} is not a TIFF file: move it out of the folder of planes.")
        if (!names)
            throw new Refused("The folder $input holds no TIFF files: name the one that holds the planes.")
        names.sort { it.replaceAll(/\d+/) { digits -> digits.replaceFirst(/^0+(?=\d)/, '').padLeft(40, '0') } }
    }

    private static boolean isTiff(String name) { name ==~ /(?i).*\.tiff?/ }

    // Refuses an output that is the input, lies in it or exists already.
    private void checkTarget(List<String> names) {
        if (input != null && !input.exists())
            throw new Refused("The input $input does not exist: check the path.")
        if (output == null) {
            if (names)
                throw new Refused("The folder $input needs a place for its results: name a folder (output).")
            return
        }
        if (input != null && output.toPath().startsWith(input.toPath()))
            throw new Refused("The output $output is the input or lies in it: choose another place.")
        if (!names && !isTiff(output.name))
            throw new Refused("The output $output is for one file: give it a name that ends in .tif.")
        if (names && (isTiff(output.name) || output.file))
            throw new Refused("The output $output is for many files: name a folder.")
        def targets = names ? names.collect { new File(output, it) } : [output]
        def there = overwrite || resume ? null : targets.find { it.exists() }
        if (there)
            throw new Refused("The file $there exists already: choose another output, or overwrite=true.")
    }

    // Saves an image whole or not at all.
    private static void save(ImagePlus image, File file) {
        def part = new File(file.parentFile, '.crispim.partial.tif')
        try {
            Files.createDirectories(file.parentFile.toPath())
            if (!new FileSaver(image).saveAsTiff(part.path))
                throw new IOException()
            Files.move(part.toPath(), file.toPath(), StandardCopyOption.REPLACE_EXISTING)
        } catch (IOException fault) {
            part.delete()
            throw new Refused("The file $file can't be written: check the path, the space and your permissions.")
        }
    }

    // Has the program do it, which knows the models that are installed by their names.
    private String byProgram(String obstacle) {
        if (!(model in models()))
            throw new Refused("$obstacle: add the update site CSBDeep in a Fiji (Help > Update... > Manage " +
                'update sites), or use CRISPIM_Denoise_CLI.')
        IJ.log("$NAME: $obstacle, so the program crispim-ij denoises.")
        def lines = [model: model, input: input, output: output, noise: CameraNoise.write(noises) ?: 'auto',
            strength: strength, tile: tile, overwrite: overwrite, resume: resume]
        def text = lines.collect { key, value -> "$key=${value == null ? '' : value}" }.join('\n')
        def answer = IJ.runMacroFile(new File(folder, 'CRISPIM_Denoise_CLI.ijm').path, text)
        if (answer == null || !answer.startsWith('CRISPIM_Denoise_CLI:'))
            throw new Refused(IJ.escapePressed() ? 'Canceled.' : 'The program crispim-ij did not finish.')
        answer.replaceFirst('CRISPIM_Denoise_CLI', NAME)
    }

    // Denoises what is wanted; returns what was done and what went wrong, one of them empty.
    static List<String> attempt(Closure<String> work) {
        try {
            return [work(), '']
        } catch (Refused refused) {
            return ['', refused.message]
        } catch (OutOfMemoryError ignored) {
            return ['', 'The memory does not suffice: make the tiles smaller (tile), or give ImageJ more ' +
                '(Edit > Options > Memory & Threads...).']
        } catch (Throwable fault) {
            fault.printStackTrace()
            return ['', "The command 'Run your network' failed ($fault): see Fiji's console (Window > " +
                'Console), and try crispim-ij fiji doctor.']
        }
    }

    // Denoises what lines KEY=VALUE tell; returns what was done, or the problem.
    static String fromMacro(Context context, File folder, String lines) {
        def wanted = lines.readLines().collectEntries { it.split('=', 2).toList() }
        Denoising denoising = null
        def (said, problem) = attempt {
            denoising = new Denoising(context, folder, wanted)
            denoising.run()
        }
        if (said)
            denoising.result?.show()
        said ?: problem
    }

    // Runs crispim-denoise.groovy with its dialog: with a list of the models and the noise of the open image.
    // It waits for the end of the macro that calls this, since ImageJ does not record what a macro does, and of
    // its thread, which saves what is recorded by then as the command's line.
    static void ask(Context context, File folder) {
        def script = context.service(ScriptService).getScript(new File(folder, 'crispim-denoise.groovy'))
        script.menuPath = new MenuPath([new MenuEntry(NAME.replace('_', ' '))])
        def names = models(), last = Prefs.get(LAST_MODEL, 'crispim-2d')
        if (names) {
            script.getInput('model').label = 'Model'
            script.getInput('model').choices = names
        }
        script.getInput('model').defaultValue = last in names || !names ? last : names[0]
        script.getInput('noise').defaultValue = noiseShown()
        // In the thread of a macro the recorder does not listen.
        Thread.start { Recorder.setCommand(null) }.join()
        def caller = Thread.currentThread()
        Thread.start {
            while (Interpreter.instance != null)
                Thread.sleep(20)
            caller.join(LONGEST_WAIT_MS)
            context.service(ModuleService).run(script, true)
        }
    }

    private static String noiseShown() {
        def (said, problem) = attempt {
            def image = openImage()
            checkKind(image)
            CameraNoise.write(measured(image.title, stacksOf(image), false) { image.getStack().getProcessor(it) })
        }
        said ?: 'auto'
    }
}
