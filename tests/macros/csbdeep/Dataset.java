package net.imagej;

import ij.ImagePlus;

/** Stands in for ImageJ2's image: what it is made of is all that is asked of it. */
public final class Dataset {

    public final ImagePlus image;

    public Dataset(ImagePlus image) {
        this.image = image;
    }
}
