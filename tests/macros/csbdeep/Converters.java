package crispim;

import ij.ImagePlus;
import net.imagej.Dataset;
import org.scijava.convert.AbstractConverter;
import org.scijava.convert.Converter;
import org.scijava.plugin.Plugin;

/** Between ImageJ's images and ImageJ2's, as imagej-legacy has them. */
public final class Converters {

    private Converters() {}

    /** Makes a Dataset of an ImagePlus. */
    @Plugin(type = Converter.class)
    public static class ToDataset extends AbstractConverter<ImagePlus, Dataset> {
        @Override
        public <T> T convert(Object image, Class<T> type) {
            return type.cast(new Dataset((ImagePlus) image));
        }

        @Override
        public Class<Dataset> getOutputType() {
            return Dataset.class;
        }

        @Override
        public Class<ImagePlus> getInputType() {
            return ImagePlus.class;
        }
    }

    /** Makes an ImagePlus of a Dataset. */
    @Plugin(type = Converter.class)
    public static class ToImagePlus extends AbstractConverter<Dataset, ImagePlus> {
        @Override
        public <T> T convert(Object dataset, Class<T> type) {
            return type.cast(((Dataset) dataset).image);
        }

        @Override
        public Class<ImagePlus> getOutputType() {
            return ImagePlus.class;
        }

        @Override
        public Class<Dataset> getInputType() {
            return Dataset.class;
        }
    }
}
