package io.flowloop.rollout;

import io.flowloop.engine.RgbImage;
import java.util.ArrayList;
import java.util.List;

/** Images to score as a blob: magic, their count, then of each its number, prompt and pixels. */
final class ImageBlob {

  private static final int MAGIC = 0x31494C46;

  /** All numbers and lengths of an image, and its one pixel. */
  private static final int FEWEST_IMAGE_BYTES = 24;

  /** A blob of these images. */
  static Blob encode(List<RewardPool.Image> images) {
    BlobWriter writer = new BlobWriter();
    writer.putInt(MAGIC);
    writer.putInt(images.size());
    for (RewardPool.Image image : images) {
      writer.putInt(image.sample());
      writer.putText(image.prompt());
      writer.putInt(image.pixels().width());
      writer.putInt(image.pixels().height());
      writer.putBytes(image.pixels().rgb());
    }
    return writer.blob();
  }

  /**
   * The images of a blob.
   *
   * @throws DataException if that is not what it holds
   */
  static List<RewardPool.Image> decode(Blob blob) {
    return BlobReader.read(blob, "images", ImageBlob::read);
  }

  private static List<RewardPool.Image> read(BlobReader reader) {
    reader.expect("magic", MAGIC);
    int count = reader.readLength(FEWEST_IMAGE_BYTES);
    List<RewardPool.Image> images = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int number = reader.readInt();
      String prompt = reader.readText();
      images.add(
          new RewardPool.Image(
              number,
              prompt,
              new RgbImage(reader.readInt(), reader.readInt(), reader.readBytes())));
    }
    return List.copyOf(images);
  }

  private ImageBlob() {}
}
