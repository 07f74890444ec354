import java.util.Arrays;

/**
 * Cuts an image into tiles and puts results together as CSBDeep 0.6.0 does.
 *
 * <p>Axes are in ImageJ's order X, Y, Z, T; a pixel's place in an array is x + X (y + Y (z + ...)).
 */
final class Tiling {

    /** What may be done to an axis: nothing, tiles that overlap, or batches. */
    enum Action { NONE, TILES, BATCHES }

    private final int[] size;
    private final Action[] actions;
    private final int[] tiles;
    private final int[] overlap;
    private final int[] expanded;

    Tiling(
            int[] size,
            Action[] actions,
            int wanted,
            int blockMultiple,
            int overlapPixels,
            int batch) {
        this.size = size;
        this.actions = actions;
        tiles = new int[size.length];
        overlap = new int[size.length];
        expanded = size.clone();
        Arrays.fill(tiles, 1);
        divide(wanted, blockMultiple);
        for (int axis = 0; axis < size.length; axis++) {
            overlap[axis] = tiles[axis] > 1 ? overlapPixels : 0;
            int multiple = blockMultiple;
            if (actions[axis] == Action.BATCHES) {
                tiles[axis] = ceilDivide(size[axis], batch);
                multiple = ceilDivide(size[axis], tiles[axis]);
            }
            if (actions[axis] != Action.NONE) {
                expanded[axis] = tileSide(axis, multiple) * tiles[axis];
            }
        }
    }

    /** Divides the axis with the longest tile once more until there are as many as wanted. */
    private void divide(int wanted, int blockMultiple) {
        while (product(tiles) < wanted) {
            int longest = -1;
            for (int axis = 0; axis < size.length; axis++) {
                if (actions[axis] == Action.TILES
                        && tileSide(axis, blockMultiple) > blockMultiple
                        && (longest < 0
                                || tileSide(axis, blockMultiple)
                                        > tileSide(longest, blockMultiple))) {
                    longest = axis;
                }
            }
            if (longest < 0) {
                return;
            }
            tiles[longest]++;
        }
    }

    /** Rounds the side of a tile up to a multiple; the division rounds down, as CSBDeep's does. */
    private int tileSide(int axis, int multiple) {
        return ceilDivide(size[axis] / tiles[axis], multiple) * multiple;
    }

    int count() {
        return product(tiles);
    }

    /** Sides of every tile, overlap included. */
    int[] tileSize() {
        int[] sides = new int[size.length];
        for (int axis = 0; axis < size.length; axis++) {
            sides[axis] = expanded[axis] / tiles[axis] + 2 * overlap[axis];
        }
        return sides;
    }

    float[] cut(float[] image, int tile) {
        int[] sides = tileSize();
        int[] corner = corner(tile);
        float[] pixels = new float[product(sides)];
        for (int i = 0; i < pixels.length; i++) {
            int[] place = place(i, sides);
            for (int axis = 0; axis < place.length; axis++) {
                place[axis] = source(axis, corner[axis] - overlap[axis] + place[axis]);
            }
            pixels[i] = image[index(place, size)];
        }
        return pixels;
    }

    /**
     * Finds the pixel of the image that a tile shows at a place beyond its end.
     *
     * <p>CSBDeep lengthens one axis after the other, each time mirroring what it has by then: only
     * the last one is still at its own length when tiles reach over the end.
     */
    private int source(int axis, int place) {
        int known = axis == Arrays.asList(actions).lastIndexOf(Action.TILES)
                ? size[axis] : expanded[axis];
        return mirror(mirror(place, known), size[axis]);
    }

    /** Puts results, of tiles that may lack the depth of Z, together and cuts them to size. */
    float[] join(float[][] results, int[] outSize) {
        int[] whole = outSize.clone();
        int[] sides = outSize.clone();
        for (int axis = 0; axis < size.length; axis++) {
            if (outSize[axis] == size[axis]) {
                whole[axis] = expanded[axis];
                sides[axis] = tileSize()[axis];
            }
        }
        float[] joined = new float[product(whole)];
        for (int tile = 0; tile < results.length; tile++) {
            place(results[tile], sides, corner(tile), joined, whole);
        }
        float[] image = new float[product(outSize)];
        for (int i = 0; i < image.length; i++) {
            int[] place = place(i, outSize);
            for (int axis = 0; axis < place.length; axis++) {
                place[axis] = mirror(place[axis], whole[axis]);
            }
            image[i] = joined[index(place, whole)];
        }
        return image;
    }

    /** Copies a result without its overlap. */
    private void place(float[] result, int[] sides, int[] corner, float[] joined, int[] whole) {
        for (int i = 0; i < result.length; i++) {
            int[] place = place(i, sides);
            boolean core = true;
            for (int axis = 0; axis < place.length; axis++) {
                core &= place[axis] >= overlap[axis] && place[axis] < sides[axis] - overlap[axis];
                place[axis] += corner[axis] - overlap[axis];
            }
            if (core) {
                joined[index(place, whole)] = result[i];
            }
        }
    }

    private int[] corner(int tile) {
        int[] corner = place(tile, tiles);
        for (int axis = 0; axis < corner.length; axis++) {
            corner[axis] *= expanded[axis] / tiles[axis];
        }
        return corner;
    }

    /** Mirrors a place into 0 to length - 1, the pixel at the edge repeated. */
    private static int mirror(int place, int length) {
        int within = Math.floorMod(place, 2 * length);
        return Math.min(within, 2 * length - 1 - within);
    }

    private static int[] place(int index, int[] sides) {
        int[] place = new int[sides.length];
        for (int axis = 0; axis < sides.length; axis++) {
            place[axis] = index % sides[axis];
            index /= sides[axis];
        }
        return place;
    }

    private static int index(int[] place, int[] sides) {
        int index = 0;
        for (int axis = sides.length - 1; axis >= 0; axis--) {
            index = index * sides[axis] + place[axis];
        }
        return index;
    }

    private static int ceilDivide(int value, int divisor) {
        return -Math.floorDiv(-value, divisor);
    }

    static int product(int[] values) {
        int product = 1;
        for (int value : values) {
            product *= value;
        }
        return product;
    }
}
