// The noise of planes, measured as `crispim-ij denoise` measures it, and counts in units of it.
//
// Needs ImageJ 1.53q or later and Groovy 3 or later, as in a Fiji. crispim-denoise.groovy uses these
// classes; what they compute, and why, is told in crispim_ij/noise (measure.py, light_levels.py, fit.py,
// grain.py, resizing.py and stabilise.py), which gives the same figures.

import groovy.transform.CompileStatic
import groovy.transform.Immutable
import ij.process.ImageProcessor
import java.math.MathContext

// What users are told, as a sentence.
@CompileStatic
class Refused extends Exception {
    Refused(String sentence) { super(sentence) }
}

// Poisson-Gaussian noise: of the variance gain * (counts - offset) + readNoise^2.
@CompileStatic
@Immutable
class CameraNoise {
    double gain, offset, readNoise

    // Reads an sd or GAIN:OFFSET:READ.
    static CameraNoise parse(String text) {
        List<Double> numbers
        try {
            numbers = text.trim().split(':').collect { Double.parseDouble(it) }
        } catch (NumberFormatException ignored) {
            throw new Refused("The value $text (noise) is not a number: give the standard deviation in " +
                'counts, GAIN:OFFSET:READ, or auto to have it measured.')
        }
        def noise = numbers.size() == 1 ? [0d, 0d, numbers[0]] : numbers
        if (noise.size() != 3 || !noise.every { Double.isFinite(it) } || noise[0] < 0 || noise[2] < 0
                || noise[0] + noise[2] == 0d)
            throw new Refused("The value $text (noise) is not more than 0: give the standard deviation in " +
                'counts, GAIN:OFFSET:READ, or auto to have it measured.')
        new CameraNoise(noise[0], noise[1], noise[2])
    }

    // Reads one noise for each channel, or one for all; none for 'auto'.
    static List<CameraNoise> parseAll(String text) {
        if (text.trim().equalsIgnoreCase('auto'))
            return []
        text.split(',').collect { String part -> parse(part) }
    }

    static String write(List<CameraNoise> noises) {
        noises.collect { it.inText() }.join(',')
    }

    // Of noise that is the same at any light the sd alone, as networks take no heed of the offset then.
    String inText() {
        def numbers = gain == 0d ? [readNoise] : [gain, offset, readNoise]
        numbers.collect { Double number ->
            new BigDecimal(number).round(new MathContext(6)).stripTrailingZeros().toPlainString()
        }.join(':')
    }

    CameraNoise scaled(double factor) {
        new CameraNoise(gain * factor * factor, offset, readNoise * factor)
    }

    // The standard deviation at a light, in counts.
    double sd(double light) {
        Math.sqrt(gain * Math.max(light - offset, 0d) + readNoise * readNoise)
    }

    private double inTheDark() { Math.sqrt(0.375d * gain * gain + readNoise * readNoise) }

    // Turns a count into a value whose noise has an sd of 1.
    double stabilise(double counts) {
        double dark = inTheDark(), light = counts - offset, lit = Math.max(light, 0d)
        double root = Math.sqrt(lit * gain + dark * dark)
        2 * (lit + 0.375d * gain) / (root + readNoise) + Math.min(light, 0d) / dark
    }

    // Turns a denoised value into the count that it is the mean of.
    double restore(double value) {
        double dark = inTheDark(), root = Math.sqrt(1.5d)
        double least = 0.75d * gain / (dark + readNoise), lit = Math.max(value, least)
        double ratio = gain / (lit * gain + 2 * readNoise)
        double light = lit * (lit * (gain / 4) + readNoise) + gain *
            (ratio * (root / 4 + ratio * (-11d / 8 + ratio * (5d / 8 * root))) - 1d / 8)
        light + Math.min(value - least, 0d) * dark + offset
    }
}

// Blocks of 8 x 8 px: light, powers of bands of their cosine transform, and share of clipped pixels.
@CompileStatic
class Blocks {
    static final int SIDE = 8
    private static final double[][] WAVES = waves()

    double[] light, coarse, fine, down, right, rows, columns, clipped

    private Blocks(int count) {
        light = new double[count]
        coarse = new double[count]
        fine = new double[count]
        down = new double[count]
        right = new double[count]
        rows = new double[count]
        columns = new double[count]
        clipped = new double[count]
    }

    private static double[][] waves() {
        double[][] waves = new double[SIDE][SIDE]
        for (int k = 0; k < SIDE; k++)
            for (int i = 0; i < SIDE; i++)
                waves[k][i] = Math.sqrt((k == 0 ? 1d : 2d) / SIDE) *
                    Math.cos(Math.PI * k * (2 * i + 1) / (2d * SIDE))
        waves
    }

    // The mean product of a wave with itself one pixel on, of those from one to before another.
    static double overlap(int from, int to) {
        double sum = 0
        for (int k = from; k < to; k++)
            for (int i = 1; i < SIDE; i++)
                sum += WAVES[k][i] * WAVES[k][i - 1]
        sum / (to - from)
    }

    static Blocks measure(List<double[][]> planes, int step, Set<Double> limits) {
        int down = ((planes[0].length - SIDE).intdiv(step)) + 1
        int across = ((planes[0][0].length - SIDE).intdiv(step)) + 1
        def blocks = new Blocks(planes.size() * down * across)
        int n = 0
        for (double[][] plane : planes)
            for (int y = 0; y < down; y++)
                for (int x = 0; x < across; x++)
                    blocks.measureOne(n++, plane, y * step, x * step, limits)
        blocks
    }

    private void measureOne(int n, double[][] plane, int top, int left, Set<Double> limits) {
        double[][] half = new double[SIDE][SIDE], power = new double[SIDE][SIDE]
        int atLimits = 0
        boolean constant = true
        for (int y = 0; y < SIDE; y++) {
            double[] row = plane[top + y]
            for (int x = 0; x < SIDE; x++) {
                if (limits.contains(row[left + x]))
                    atLimits++
                constant = constant && row[left + x] == plane[top][left]
            }
            for (int k = 0; k < SIDE; k++) {
                double sum = 0
                for (int x = 0; x < SIDE; x++)
                    sum += WAVES[k][x] * row[left + x]
                half[y][k] = sum
            }
        }
        for (int j = 0; j < SIDE; j++)
            for (int k = 0; k < SIDE; k++) {
                double sum = 0
                for (int y = 0; y < SIDE; y++)
                    sum += WAVES[j][y] * half[y][k]
                power[j][k] = sum * sum
                if (j == 0 && k == 0) {
                    light[n] = sum / SIDE
                    power[0][0] = 0
                }
            }
        clipped[n] = atLimits / (double) (SIDE * SIDE)
        if (constant)
            return
        coarse[n] = mean(power, 0, 5, 0, 5) * 25 / 24
        fine[n] = mean(power, 5, 8, 5, 8)
        down[n] = mean(power, 2, 5, 5, 8)
        right[n] = mean(power, 5, 8, 2, 5)
        rows[n] = mean(power, 5, 8, 0, 1)
        columns[n] = mean(power, 0, 1, 5, 8)
    }

    private static double mean(double[][] power, int top, int bottom, int left, int right) {
        double sum = 0
        for (int j = top; j < bottom; j++)
            for (int k = left; k < right; k++)
                sum += power[j][k]
        sum / ((bottom - top) * (right - left))
    }

    boolean varies(int n) { coarse[n] > 0 && fine[n] > 0 }
}

// Noise at one level of light.
@CompileStatic
class LightLevel {
    double light, sd, share, error, steepness, down, right, rows, columns
    boolean white

    // Measures it where there is least structure; null where it is clipped, or nothing varies.
    static LightLevel measure(Blocks blocks, Blocks lights, List<Integer> members, int of, double overlap) {
        def varied = members.findAll { int n -> blocks.varies(n) }
        if (!varied)
            return null
        int count = Math.min(varied.size(), Math.max(64, (int) Math.rint(0.15d * varied.size())))
        def flat = varied.sort(false) { int n -> blocks.coarse[n] }.take(count)
        double variance = mean(blocks.fine, flat), kept = keptVariance(mean(lights.clipped, flat))
        if (Double.isNaN(kept))
            return null
        double told = Math.max(1d, count / Math.min(overlap, varied.size() / (double) count))
        double error = Math.sqrt(2 / (9 * told)), doubt = 2 * Math.sqrt(2 / (3 * told))
        double down = mean(blocks.down, flat) / variance, right = mean(blocks.right, flat) / variance
        double rows = mean(blocks.rows, flat) / variance, columns = mean(blocks.columns, flat) / variance
        new LightLevel(
            light: mean(lights.light, flat), sd: Math.sqrt(variance / kept),
            share: members.size() / (double) of, error: error / 2, steepness: Math.min(down, right),
            white: Math.max(down, right) < 1.25d + 2.8d * error
                && Math.max(rows, columns) < 1.75d + doubt,
            down: correlation(down), right: correlation(right), rows: common(rows - doubt),
            columns: common(columns - doubt))
    }

    private static double mean(double[] values, List<Integer> members) {
        double sum = 0
        for (int n : members)
            sum += values[n]
        sum / members.size()
    }

    private static double correlation(double ratio) {
        double below = Blocks.overlap(2, 5) - ratio * Blocks.overlap(5, 8)
        below > 0 ? Math.min(Math.max((ratio - 1) / (2 * below), -0.5d), 0.5d) : 0.5d
    }

    private static double common(double ratio) {
        double extra = Math.max(0d, ratio - 1) / Blocks.SIDE
        extra / (1 + extra)
    }

    // What is left of normal noise of variance 1 when a share of it is clipped; NaN where that is too much.
    static double keptVariance(double share) {
        if (share == 0d)
            return 1
        if (share > 0.2d)
            return Double.NaN
        double low = -8, high = 0
        for (int halving = 0; halving < 60; halving++) {
            double middle = (low + high) / 2
            if (below(middle) < share)
                low = middle
            else
                high = middle
        }
        double limit = (low + high) / 2, density = density(limit), mean = limit * share + density
        limit * limit * share + (1 - share) + limit * density - mean * mean
    }

    private static double density(double x) { Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) }

    // The share of a normal distribution that lies below a value from 0 down.
    private static double below(double x) {
        double sum = x, term = x
        for (int k = 1; k < 300; k++) {
            term *= x * x / (2 * k + 1)
            sum += term
        }
        0.5d + density(x) * sum
    }
}

// A line through the variance at each light, or one value where there is no clear evidence for a line.
@CompileStatic
class NoiseLine {
    double gain, floor

    static NoiseLine fit(List<LightLevel> levels, double offset) {
        List<LightLevel> white = levels.findAll { it.white }
        if (total(white) < 0.3d * total(levels))
            white.clear()
        def constant = new NoiseCurve(levels, offset, 0)
        def line = new NoiseCurve(levels, offset, 1)
        def parabola = new NoiseCurve(levels, offset, 2)
        def best = parabola.badness < line.badness ? parabola : line
        best = best.isClearerThan(constant) ? best : constant
        if (white && new NoiseCurve(white, offset, 1).isClearerThan(new NoiseCurve(white, offset, 0)))
            best = line
        double gain = best.is(line) ? best.slope : 0d
        double weakest = (double) levels.collect { it.sd * it.sd }.min()
        new NoiseLine(gain: gain, floor: Math.max(best.floor, gain == 0d ? weakest : 0.01d * weakest))
    }

    private static double total(List<LightLevel> levels) {
        double sum = 0
        for (LightLevel level : levels)
            sum += level.share
        sum
    }
}

// Variance as a floor and a power of light, fitted to its logarithm with Huber's loss.
@CompileStatic
class NoiseCurve {
    private static final double TINY = 1e-6, FAR = 1.5

    double slope, floor, growth, badness
    private double[] rising, relative, errors

    NoiseCurve(List<LightLevel> levels, double offset, int power) {
        double span = 0, share = 0
        for (LightLevel level : levels) {
            span = Math.max(span, level.light - offset)
            share += level.share / levels.size()
        }
        double usual = median(levels.collect { it.sd * it.sd })
        boolean rises = power > 0 && span > 0
        rising = new double[levels.size()]
        relative = new double[levels.size()]
        errors = new double[levels.size()]
        levels.eachWithIndex { level, i ->
            rising[i] = rises ? Math.pow(Math.max(level.light - offset, 0d) / span, power) : 0d
            relative[i] = level.sd * level.sd / usual
            errors[i] = Math.hypot(2 * level.error, level.white ? 0.03d : 0.2d) *
                Math.pow(share / level.share, 0.25d)
        }
        double[] found = leastSquares(rises ? 0.5d : 0d, 1d)
        slope = rises ? found[0] * usual / Math.pow(span, power) : 0d
        floor = found[1] * usual
        growth = model(found, levels.size() - 1) / model(found, 0)
        badness = cost(found)
    }

    boolean isClearerThan(NoiseCurve simpler) {
        badness + 6 < simpler.badness && growth > 1.05d * 1.05d
    }

    static double median(List<Double> values) {
        def order = values.sort(false)
        int n = order.size()
        (order[(n - 1).intdiv(2)] + order[n.intdiv(2)]) / 2
    }

    private double model(double[] values, int i) { rising[i] * values[0] + values[1] + TINY }

    private double off(double[] values, int i) { Math.log(relative[i] / model(values, i)) / errors[i] }

    private double cost(double[] values) {
        double sum = 0
        for (int i = 0; i < rising.length; i++) {
            double wrong = Math.abs(off(values, i))
            sum += wrong <= FAR ? wrong * wrong : FAR * (2 * wrong - FAR)
        }
        sum
    }

    // Levenberg's and Marquardt's method, with both values from 0 up.
    private double[] leastSquares(double slope, double floor) {
        double[] values = [slope, floor] as double[]
        double best = cost(values), damping = 1e-3
        for (int turn = 0; turn < 500 && damping < 1e12d; turn++) {
            double a = 0, b = 0, aa = 0, ab = 0, bb = 0
            for (int i = 0; i < rising.length; i++) {
                double wrong = off(values, i), weight = Math.min(1d, FAR / Math.max(Math.abs(wrong), 1e-300d))
                double byFloor = -1 / (model(values, i) * errors[i]), bySlope = rising[i] * byFloor
                a += weight * bySlope * wrong
                b += weight * byFloor * wrong
                aa += weight * bySlope * bySlope
                ab += weight * bySlope * byFloor
                bb += weight * byFloor * byFloor
            }
            boolean slopeStays = aa == 0d || values[0] == 0d && a > 0, floorStays = values[1] == 0d && b > 0
            if (slopeStays && floorStays)
                break
            aa *= 1 + damping
            bb *= 1 + damping
            double whole = aa * bb - ab * ab
            double byA = slopeStays ? 0d : floorStays ? -a / aa : (ab * b - bb * a) / whole
            double byB = floorStays ? 0d : slopeStays ? -b / bb : (ab * a - aa * b) / whole
            double[] next = [Math.max(0d, values[0] + byA), Math.max(0d, values[1] + byB)] as double[]
            double there = cost(next)
            if (there < best) {
                values = next
                damping /= 10
                if (best - there < 1e-13d * best)
                    break
                best = there
            } else
                damping *= 10
        }
        values
    }
}

// How pixels share noise, in few figures: the correlation of neighbours along Y and X, and the distance in px
// at which noise is as strong again, NaN where planes weren't resized.
@CompileStatic
class SharedNoise {
    private static final double ALIKE = 0.2, ALIKE_PERIODS = 1.05

    final double down, right, period

    SharedNoise(double down, double right, double period) {
        this.down = down
        this.right = right
        this.period = period
    }

    static SharedNoise parse(String text) {
        def figures = text.split(':').collect { it as double }
        new SharedNoise(figures[0], figures[1], figures.size() > 2 ? figures[2] : Double.NaN)
    }

    boolean isLike(SharedNoise other) {
        boolean isResized = !Double.isNaN(period)
        if (isResized == Double.isNaN(other.period))
            return false
        if (isResized && Math.max(period, other.period) > ALIKE_PERIODS * Math.min(period, other.period))
            return false
        Math.abs(down - other.down) <= ALIKE && Math.abs(right - other.right) <= ALIKE
    }

    String toString() {
        def again = Double.isNaN(period) ? '' : ", and is stronger again every ${Resizing.figures(period)} px"
        String.format(Locale.ROOT, 'correlates by %.2f down and %.2f right%s', down, right, again)
    }
}

// Noise that neighbouring pixels share, by the waves of blocks of 32 x 32 px.
@CompileStatic
class Grain {
    static final int SIDE = 32
    private static final double LEAK = 2 * SIDE / 3d, LEAK_BESIDE = SIDE / 6d
    private static final double MOST_CLIPPED = 0.01
    private static final int COARSE = 4, FEWEST = 8
    private static final double[] WINDOW = hann()

    // Power of the waves, of those that whole rows share, and whole columns.
    private final double[][] spectrum
    private final double[] rows, columns

    private Grain(double[][] flat) {
        rows = takeLines(flat)
        double[][] turned = transposed(flat)
        columns = takeLines(turned)
        spectrum = transposed(turned)
    }

    // Of all of the noise, in units of the fine part squared.
    double getVariance() { shared(0, 0) }

    // How much noise pixels share that lie so far from one another.
    double correlation(int down, int right) { shared(down, right) / variance }

    private double shared(int down, int right) {
        double sum = 0
        for (int j = 0; j < SIDE; j++) {
            sum += (rows[j] * wave(j * down) + columns[j] * wave(j * right)) / SIDE
            for (int k = 0; k < SIDE; k++)
                sum += spectrum[j][k] * wave(j * down + k * right) / (SIDE * SIDE)
        }
        sum
    }

    private static double wave(int part) { Math.cos(2 * Math.PI * part / SIDE) }

    // Null where planes are smaller than a block. Pixels at `limits` are clipped, which hides noise: where enough
    // blocks hold hardly any, these are taken.
    static Grain measure(List<double[][]> planes, List<double[][]> besides, CameraNoise fine, Set<Double> limits) {
        List<double[][]> noise = []
        List<Double> structure = []
        List<Integer> complete = []
        planes.eachWithIndex { double[][] plane, int n ->
            def beside = besides ? besides[n] : null
            for (int top = 0; top + SIDE <= plane.length; top += SIDE)
                for (int left = 0; left + SIDE <= plane[0].length; left += SIDE) {
                    double[][] one = block(plane, top, left, fine)
                    double[][] other = beside == null ? null : block(beside, top, left, fine)
                    double[][] own = joined(one, other, -1), seen = joined(one, other, 1)
                    if (!varies(own) || !varies(seen)) // as in filled margins, which tell nothing
                        continue
                    noise << power(own)
                    structure << coarse(other == null ? noise.last() : power(seen))
                    if (clipped(plane, top, left, limits) <= MOST_CLIPPED)
                        complete << noise.size() - 1
                }
        }
        if (!noise)
            return null
        def taken = complete.size() >= FEWEST ? complete : (0..<noise.size()).toList()
        int count = Math.min(taken.size(), Math.max(FEWEST, (int) Math.rint(0.15d * taken.size())))
        def flattest = taken.sort(false) { int n -> structure[n] }.take(count)
        double[][] flat = new double[SIDE][SIDE]
        for (int n : flattest)
            for (int j = 0; j < SIDE; j++)
                for (int k = 0; k < SIDE; k++)
                    flat[j][k] += noise[n][j][k] / count
        flat[0][0] = (flat[0][1] + flat[1][0]) / 2 // as means were taken off
        new Grain(flat)
    }

    private static double[] hann() {
        double[] window = new double[SIDE]
        for (int i = 0; i < SIDE; i++)
            window[i] = 0.5d - 0.5d * Math.cos(2 * Math.PI * i / SIDE)
        window
    }

    // The share of the pixels of a block that are clipped.
    private static double clipped(double[][] plane, int top, int left, Set<Double> limits) {
        int count = 0
        for (int y = top; y < top + SIDE; y++)
            for (int x = left; x < left + SIDE; x++)
                if (limits.contains(plane[y][x]))
                    count++
        count / (double) (SIDE * SIDE)
    }

    private static double[][] block(double[][] plane, int top, int left, CameraNoise fine) {
        double[][] block = new double[SIDE][SIDE]
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                block[y][x] = fine.stabilise(plane[top + y][left + x])
        block
    }

    // The sum of two planes, or their difference, with the noise of one.
    private static double[][] joined(double[][] own, double[][] other, int sign) {
        if (other == null)
            return own
        double[][] joined = new double[SIDE][SIDE]
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                joined[y][x] = (own[y][x] + sign * other[y][x]) / Math.sqrt(2d)
        joined
    }

    private static boolean varies(double[][] values) {
        values.any { double[] row -> Resizing.varies(row) || row[0] != values[0][0] }
    }

    private static double mean(double[][] values) {
        double sum = 0
        for (double[] row : values)
            for (double value : row)
                sum += value
        sum / (SIDE * SIDE)
    }

    static double[][] transposed(double[][] values) {
        double[][] turned = new double[values[0].length][values.length]
        for (int j = 0; j < values.length; j++)
            for (int k = 0; k < values[0].length; k++)
                turned[k][j] = values[j][k]
        turned
    }

    // The power of the waves of a block.
    private static double[][] power(double[][] block) {
        double[][] real = new double[SIDE][SIDE], imaginary = new double[SIDE][SIDE]
        double light = mean(block), seen = 0
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                double weight = WINDOW[y] * WINDOW[x]
                real[y][x] = (block[y][x] - light) * weight
                seen += weight * weight
            }
        for (int y = 0; y < SIDE; y++)
            fourier(real[y], imaginary[y])
        real = transposed(real)
        imaginary = transposed(imaginary)
        double[][] power = new double[SIDE][SIDE]
        for (int k = 0; k < SIDE; k++) {
            fourier(real[k], imaginary[k])
            for (int j = 0; j < SIDE; j++)
                power[j][k] = (real[k][j] * real[k][j] + imaginary[k][j] * imaginary[k][j]) / seen
        }
        power
    }

    // Cooley's and Tukey's fast Fourier transform of a power of 2 of values, in place.
    private static void fourier(double[] real, double[] imaginary) {
        int n = real.length
        for (int i = 0; i < n; i++) {
            int j = Integer.reverse(i) >>> (Integer.numberOfLeadingZeros(n) + 1)
            if (j > i) {
                double kept = real[i]
                real[i] = real[j]
                real[j] = kept
                kept = imaginary[i]
                imaginary[i] = imaginary[j]
                imaginary[j] = kept
            }
        }
        for (int half = 1; half < n; half *= 2)
            for (int k = 0; k < half; k++) {
                double cosine = Math.cos(Math.PI * k / half), sine = -Math.sin(Math.PI * k / half)
                for (int i = k; i < n; i += 2 * half) {
                    int j = i + half
                    double a = real[j] * cosine - imaginary[j] * sine
                    double b = real[j] * sine + imaginary[j] * cosine
                    real[j] = real[i] - a
                    imaginary[j] = imaginary[i] - b
                    real[i] += a
                    imaginary[i] += b
                }
            }
    }

    private static double coarse(double[][] power) {
        double sum = 0
        for (int j = -COARSE; j <= COARSE; j++)
            for (int k = -COARSE; k <= COARSE; k++)
                sum += power[Math.floorMod(j, SIDE)][Math.floorMod(k, SIDE)]
        sum
    }

    // Takes what whole rows share, which the window leaks into the next waves, off a spectrum; returns its power.
    private static double[] takeLines(double[][] spectrum) {
        double[] lines = new double[SIDE]
        double sum = 0
        for (int j = 0; j < SIDE; j++) {
            double[] waves = spectrum[j]
            double sharp = waves[SIDE - 2] - 4 * waves[SIDE - 1] + 6 * waves[0] - 4 * waves[1] + waves[2]
            lines[j] = Math.max(sharp / (6 * LEAK - 8 * LEAK_BESIDE), 0d)
        }
        lines[0] = (lines[1] + lines[SIDE - 1]) / 2
        for (double line : lines)
            sum += line / SIDE
        if (sum < 0.02d * mean(spectrum))
            return new double[SIDE]
        for (int j = 0; j < SIDE; j++)
            for (int k : [SIDE - 1, 0, 1])
                spectrum[j][k] = Math.max(spectrum[j][k] - (k == 0 ? LEAK : LEAK_BESIDE) * lines[j], 0d)
        spectrum[0][0] = (spectrum[0][2] + spectrum[2][0]) / 2
        lines
    }
}

// Whether planes were resized, by their noise, which is then stronger again every few pixels.
@CompileStatic
class Resizing {
    static final String ALONG_Z = 'Neighbouring planes share noise, as where they were interpolated along Z, ' +
        "or show a camera's fixed pattern."
    private static final double LONGEST = 12, LEAST = 0.05, CLEAREST = 12, OUTLIER = 4, SMOOTH = 8
    private static final double SHARED = 0.3, FLATTEST = 0.25
    private static final int ORDER = 4

    // The distance in px; NaN where noise is as strong everywhere. Margins that a plane is filled in are left out of all.
    static double period(List<double[][]> noise) {
        double[] down = null, across = null
        int[] rows = inside(noise), columns = inside(noise.collect { double[][] it -> Grain.transposed(it) })
        for (double[][] whole : noise) {
            double[][] plane = new double[rows[1] - rows[0]][]
            for (int y = rows[0]; y < rows[1]; y++)
                plane[y - rows[0]] = Arrays.copyOfRange(whole[y], columns[0], columns[1])
            double[][] power = finePower(plane)
            down = sum(down, profile(power))
            across = sum(across, profile(Grain.transposed(power)))
        }
        double found = beat(down, noise.size())
        Double.isNaN(found) ? beat(across, noise.size()) : found
    }

    // The first row that is constant in no plane, and that after the last; all rows where few are.
    private static int[] inside(List<double[][]> noise) {
        int count = noise[0].length
        def lines = (0..<count).findAll { int y -> noise.every { double[][] plane -> varies(plane[y]) } }
        lines.size() < Blocks.SIDE ? [0, count] as int[] : [lines.first(), lines.last() + 1] as int[]
    }

    static boolean varies(double[] row) {
        for (double value : row)
            if (value != row[0])
                return true
        false
    }

    static String inWords(double period) {
        "Noise is stronger again every ${figures(period)} px, as in planes that were resized."
    }

    static String figures(double period) {
        new BigDecimal(period).round(new MathContext(2)).stripTrailingZeros().toPlainString()
    }

    // Whether the noise of most planes is, in a good part, that of the plane beside.
    static boolean isSharedAlongZ(List<double[][]> planes, List<double[][]> besides) {
        def shared = (0..<planes.size()).collect { int n -> sharedDetail(finest(planes[n]), finest(besides[n])) }
        NoiseCurve.median(shared) > SHARED
    }

    // The correlation of the finest detail of two planes, in blocks with the least of it.
    private static double sharedDetail(double[][] one, double[][] other) {
        List<double[]> blocks = []
        for (int top = 0; top + Blocks.SIDE <= one.length; top += Blocks.SIDE)
            for (int left = 0; left + Blocks.SIDE <= one[0].length; left += Blocks.SIDE) {
                double first = 0, second = 0, both = 0
                for (int y = top; y < top + Blocks.SIDE; y++)
                    for (int x = left; x < left + Blocks.SIDE; x++) {
                        first += one[y][x] * one[y][x]
                        second += other[y][x] * other[y][x]
                        both += one[y][x] * other[y][x]
                    }
                if (first + second > 0)
                    blocks << ([first, second, both] as double[])
            }
        double first = 0, second = 0, both = 0
        for (double[] block : blocks.sort { it[0] + it[1] }.take((int) Math.ceil(FLATTEST * blocks.size()))) {
            first += block[0]
            second += block[1]
            both += block[2]
        }
        first > 0 && second > 0 ? both / Math.sqrt(first * second) : 0d
    }

    // What is finest along both axes, which optics hardly pass.
    private static double[][] finest(double[][] plane) {
        double[][] detail = plane
        for (int turn = 0; turn < ORDER; turn++)
            detail = differences(Grain.transposed(differences(Grain.transposed(detail))))
        detail
    }

    private static double[][] differences(double[][] plane) {
        double[][] found = new double[Math.max(plane.length - 1, 0)][]
        for (int y = 0; y < found.length; y++) {
            found[y] = new double[plane[y].length]
            for (int x = 0; x < found[y].length; x++)
                found[y][x] = plane[y + 1][x] - plane[y][x]
        }
        found
    }

    private static double[][] finePower(double[][] plane) {
        int rows = plane.length - 1, columns = plane[0].length - 1
        double[][] power = new double[rows][columns]
        double mean = 0
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                double fine = plane[y + 1][x + 1] - plane[y][x + 1] - plane[y + 1][x] + plane[y][x]
                power[y][x] = fine * fine
                mean += fine * fine / (rows * (double) columns)
            }
        for (double[] row : power)
            for (int x = 0; x < columns; x++)
                row[x] = Math.min(row[x], OUTLIER * mean)
        power
    }

    private static double[] profile(double[][] power) {
        double[] along = new double[power.length]
        for (int y = 0; y < power.length; y++) {
            double sum = 0
            for (double value : power[y])
                sum += value
            along[y] = Math.log(sum / power[y].length + Double.MIN_NORMAL)
        }
        along
    }

    // The period of a profile's strongest wave, if it is strong.
    private static double beat(double[] summed, int count) {
        int n = summed.length
        double[] around = new double[n]
        double weight = 0
        double[] smooth = smoothed(summed)
        for (int i = 0; i < n; i++) {
            double window = 0.5d - 0.5d * Math.cos(2 * Math.PI * i / (n - 1))
            weight += window
            around[i] = (summed[i] - smooth[i]) / count * window
        }
        List<Double> waves = []
        int first = (int) Math.floor(n / LONGEST) + 1, last = n.intdiv(2)
        for (int k = first; k <= last; k++) {
            double even = 0, odd = 0
            for (int i = 0; i < n; i++) {
                double turn = 2 * Math.PI * ((long) k * i % n) / n
                even += around[i] * Math.cos(turn)
                odd += around[i] * Math.sin(turn)
            }
            waves << Math.hypot(even, odd) / (weight / 2)
        }
        if (!waves)
            return Double.NaN
        double strongest = waves.max()
        if (strongest < Math.max(LEAST, CLEAREST * NoiseCurve.median(waves)))
            return Double.NaN
        n / (double) (first + waves.indexOf(strongest))
    }

    // Under a Gaussian, mirrored at the ends.
    private static double[] smoothed(double[] values) {
        int n = values.length, reach = (int) (4 * SMOOTH)
        double[] weights = new double[2 * reach + 1], smooth = new double[n]
        double whole = 0
        for (int k = -reach; k <= reach; k++)
            whole += weights[k + reach] = Math.exp(-k * k / (2 * SMOOTH * SMOOTH))
        for (int i = 0; i < n; i++)
            for (int k = -reach; k <= reach; k++) {
                int place = Math.floorMod(i + k, 2 * n)
                smooth[i] += weights[k + reach] / whole * values[place < n ? place : 2 * n - 1 - place]
            }
        smooth
    }

    private static double[] sum(double[] before, double[] more) {
        if (before != null)
            for (int i = 0; i < more.length; i++)
                more[i] += before[i]
        more
    }
}

// Measures the noise of a channel on a few planes of its stacks.
@CompileStatic
class NoiseMeter {
    static final int PLANES = 8, WINDOW = 1024
    private static final double[][] CORNERS =
        [[0.5d, 0.5d], [0d, 0d], [1d, 1d], [0d, 1d], [1d, 0d]] as double[][]

    // All of the noise where neighbouring pixels share some, of which `noise` is what is fine; null elsewhere.
    CameraNoise noise, whole
    String problem = ''

    // How neighbouring pixels share noise; null where that can't be measured.
    SharedNoise shares

    // Distance at which noise is as strong again, in px, where planes were resized; NaN elsewhere.
    double period = Double.NaN

    // Whether neighbouring planes share noise.
    boolean alongZ

    // The light that half of the pixels are darker than.
    private double median

    // Numbers of the parts that begin where the first does, so that their noise beats as it does.
    private List<Integer> alike = []

    // Takes rows of numbers of planes that lie above one another, and what reads a plane. Planes whose neighbours
    // are copies are left out, or if all are, these neighbours.
    NoiseMeter(List<List<Integer>> stacks, Closure<ImageProcessor> read) {
        int depth = stacks[0].size(), size = stacks.size() * depth, count = Math.min(PLANES, size)
        List<double[][]> planes = [], besides = []
        List<List<Integer>> origins = []
        int bits = 0
        for (int turn = 0; turn < count; turn++) {
            int place = count == 1 ? 0 : (int) Math.rint(turn * ((size - 1) / (double) (count - 1)))
            def stack = stacks[place.intdiv(depth)]
            int z = place % depth
            def plane = read.call(stack[z])
            bits = plane.bitDepth
            double[] corner = CORNERS[turn % CORNERS.length]
            double[][] part = cut(plane, corner)
            planes << part
            origins << origin(plane, corner)
            if (depth > 1)
                besides << cut(read.call(stack[z + 1 < depth ? z + 1 : z - 1]), corner)
        }
        if (Math.min(planes[0].length, planes[0][0].length) < Blocks.SIDE) {
            problem = 'The planes are smaller than 8 x 8 px.'
            return
        }
        alongZ = besides && Resizing.isSharedAlongZ(planes, besides)
        def all = (0..<planes.size()).toList()
        def differ = besides ? all.findAll { int n -> !Arrays.deepEquals(planes[n], besides[n]) } : all
        def kept = differ ?: all
        alike = (0..<kept.size()).findAll { int n -> origins[kept[n]] == origins[kept[0]] }
        measure(kept.collect { planes[it] }, besides && differ ? kept.collect { besides[it] } : [], bits)
    }

    private void measure(List<double[][]> planes, List<double[][]> besides, int bits) {
        int rows = planes[0].length.intdiv(Blocks.SIDE), columns = planes[0][0].length.intdiv(Blocks.SIDE)
        int plain = rows * columns * planes.size(), step = plain >= 16000 ? 8 : plain >= 512 ? 4 : 2
        def blocks = Blocks.measure(planes, step, limits(planes, bits))
        def differences = besides ? Blocks.measure(rests(planes, besides), step, [] as Set<Double>) : null
        def alive = (0..<blocks.light.length).findAll { int n -> blocks.varies(n) } as List<Integer>
        if (alive.size() < 0.05d * blocks.light.length) {
            problem = 'The planes are constant, or nearly so.'
            return
        }
        double overlap = Math.pow(Blocks.SIDE / (double) step, 2)
        List<LightLevel> levels = []
        for (List<Integer> members : groups(blocks, alive)) {
            def level = LightLevel.measure(blocks, blocks, members, blocks.light.length, overlap)
            if (level != null && !level.white && differences != null) {
                def other = LightLevel.measure(differences, blocks, members, blocks.light.length, overlap)
                level = other != null && other.sd < level.sd ? other : level
            }
            if (level != null)
                levels << level
        }
        if (!levels) {
            problem = 'Too many pixels are clipped at the smallest or largest count.'
            return
        }
        median = lightAt(levels, 0.5d)
        boolean isShared = isShared(levels)
        if (isShared)
            problem = 'Neighbouring pixels share noise.'
        boolean isSmooth = shared(levels, 'steepness') > 10
        if (isSmooth)
            problem = 'The planes seem to be smoothed or denoised already.'
        else
            fit(levels, quantile(alive.collect { int n -> blocks.light[n] }, 0.01d))
        if (noise != null) {
            def noises = besides ? rests(planes, besides) : planes
            period = Resizing.period(alike.collect { int n -> noises[n] })
            if (!Double.isNaN(period))
                problem = (problem ? problem + ' ' : '') + Resizing.inWords(period)
            if (alongZ)
                problem = (problem ? problem + ' ' : '') + Resizing.ALONG_Z
        }
        if (isShared && (isSmooth || noise != null)) {
            def fine = noise ?: new CameraNoise(0d, 0d, 1d)
            def grain = Grain.measure(planes, besides, fine, limits(planes, bits))
            if (grain != null) {
                whole = fine.scaled(Math.sqrt(grain.variance))
                shares = new SharedNoise(grain.correlation(1, 0), grain.correlation(0, 1), period)
            }
        } else if (noise != null)
            shares = new SharedNoise(0d, 0d, period)
    }

    // Says that pixels share noise in another way than a network has learnt, or nothing.
    String unlike(List<SharedNoise> learnt) {
        if (!learnt || shares == null || learnt.any { it.isLike(shares) })
            return ''
        "Noise $shares, and the model was adapted to noise that ${learnt[0]}: noise stays in, or structure is " +
            "removed. ${whole == null ? 'Take a model that ships' : 'Adapt one to these planes (crispim-ij adapt)'}."
    }

    // Says that the planes show far less or more noise than is given, or nothing.
    String doubt(CameraNoise given) {
        if (noise == null)
            return ''
        double told = given.sd(median), fine = noise.sd(median), all = whole == null ? fine : whole.sd(median)
        if (fine / 1.5d <= told && told <= all * 1.5d)
            return ''
        "Noise of sd ${counts(told)} counts was given, and the planes show ${counts(fine)} counts: if they are " +
            "right, ${told > all ? 'structure may be removed' : 'noise stays in'}. With noise=auto it is measured."
    }

    private static String counts(double number) {
        new BigDecimal(number).round(new MathContext(3)).stripTrailingZeros().toPlainString()
    }

    // The light that a share of the pixels is darker than, between the levels.
    private static double lightAt(List<LightLevel> levels, double share) {
        double below = 0, wanted = 0
        for (LightLevel level : levels)
            wanted += share * level.share
        LightLevel last = levels[0]
        for (LightLevel level : levels) {
            double part = (wanted - below) / level.share
            if (part <= 1)
                return last.light + (level.light - last.light) * part
            below += level.share
            last = level
        }
        last.light
    }

    private static boolean isShared(List<LightLevel> levels) {
        double sum = 0
        for (LightLevel level : levels)
            sum += 1 / (level.error * level.error)
        double correlated = [Math.abs(shared(levels, 'down')), Math.abs(shared(levels, 'right')),
            shared(levels, 'rows'), shared(levels, 'columns')].max()
        correlated > 0.15d + 2 / Math.sqrt(sum)
    }

    private void fit(List<LightLevel> levels, double darkest) {
        if (Math.max(Math.abs(darkest), levels.collect { it.sd }.max()) > 1e6d) {
            problem = 'The counts are larger than 1,000,000: divide them.'
            return
        }
        def line = NoiseLine.fit(levels, darkest)
        noise = new CameraNoise(line.gain < 1e-9d ? 0d : line.gain, darkest, Math.sqrt(line.floor))
    }

    // How much noise pixels share at most levels: of those between two quarters the value nearest 0.
    private static double shared(List<LightLevel> levels, String name) {
        def value = { LightLevel level -> level[name] as double }
        def order = levels.sort(false, value)
        double whole = 0
        List<Double> below = order.collect { whole += it.share }
        def ends = [0.25d, 0.75d].collect { part ->
            value.call(order[below.findIndexOf { it >= part * below.last() }])
        }
        Math.max(0d, ends[0]) + Math.min(0d, ends[1])
    }

    // The blocks of each level of light; small levels join the next brighter one.
    private static List<List<Integer>> groups(Blocks blocks, List<Integer> alive) {
        def light = alive.collect { int n -> blocks.light[n] }
        double low = quantile(light, 0.001d), high = quantile(light, 0.999d)
        List<List<Integer>> levels = []
        for (int k = 0; k < 24; k++)
            levels << new ArrayList<Integer>()
        for (int n : alive) {
            double place = Math.sqrt(Math.min(Math.max(blocks.light[n] - low, 0d), high - low) /
                Math.max(high - low, Double.MIN_NORMAL))
            levels[Math.min((int) (place * 24), 23)] << n
        }
        double fewest = Math.max(128d, 0.005d * alive.size())
        List<List<Integer>> found = []
        List<Integer> waiting = []
        for (List<Integer> level : levels) {
            waiting.addAll(level)
            if (waiting.size() >= fewest) {
                found << waiting
                waiting = []
            }
        }
        if (!found)
            return [waiting]
        found.last().addAll(waiting)
        found
    }

    private static double quantile(List<Double> values, double share) {
        def order = values.sort(false)
        double place = share * (order.size() - 1)
        int below = (int) Math.floor(place), above = Math.min(below + 1, order.size() - 1)
        order[below] + (order[above] - order[below]) * (place - below)
    }

    // Counts at which pixels are clipped: by the type, the camera or subtraction.
    private static Set<Double> limits(List<double[][]> planes, int bits) {
        double lowest = Double.MAX_VALUE, highest = -Double.MAX_VALUE
        for (double[][] plane : planes)
            for (double[] row : plane)
                for (double count : row) {
                    lowest = Math.min(lowest, count)
                    highest = Math.max(highest, count)
                }
        Set<Double> found = []
        if (lowest == 0d)
            found << 0d
        if (bits < 32)
            found.addAll([0d, Math.pow(2, bits) - 1])
        double power = Math.log(highest + 1) / Math.log(2)
        if (highest >= 255 && highest + 1 == Math.pow(2, Math.rint(power)))
            found << highest
        found
    }

    private static List<Integer> origin(ImageProcessor plane, double[] at) {
        int top = (int) Math.rint(at[0] * Math.max(0, plane.height - WINDOW))
        int left = (int) Math.rint(at[1] * Math.max(0, plane.width - WINDOW))
        [top, left]
    }

    private static double[][] cut(ImageProcessor plane, double[] at) {
        int rows = Math.min(WINDOW, plane.height), columns = Math.min(WINDOW, plane.width)
        int top = origin(plane, at)[0], left = origin(plane, at)[1]
        double[][] part = new double[rows][columns]
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                double count = plane.getf((top + y) * plane.width + left + x)
                if (Double.isNaN(count) || Double.isInfinite(count))
                    throw new Refused('The image holds NaN or infinite values: replace them first.')
                part[y][x] = count
            }
        part
    }

    // What is left of planes without their neighbours, with the noise of one plane.
    private static List<double[][]> rests(List<double[][]> planes, List<double[][]> besides) {
        planes.withIndex().collect { double[][] plane, int n ->
            double[][] beside = besides[n], left = new double[plane.length][plane[0].length]
            for (int y = 0; y < plane.length; y++)
                for (int x = 0; x < plane[0].length; x++)
                    left[y][x] = (plane[y][x] - beside[y][x]) / Math.sqrt(2d)
            left
        }
    }
}
