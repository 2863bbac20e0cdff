package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** How large an image is as a JPEG file. */
final class JpegSize {

  private static final float QUALITY = 0.95f;

  private JpegSize() {}

  /** The size in kB of 1000 bytes, at quality 95. */
  static double kilobytes(RgbImage image) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      ImageWriteParam quality = writer.getDefaultWriteParam();
      quality.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      quality.setCompressionQuality(QUALITY);
      writer.setOutput(out);
      writer.write(null, new IIOImage(BufferedImages.of(image), null, null), quality);
    } finally {
      writer.dispose();
    }
    return bytes.size() / 1000.0;
  }
}
