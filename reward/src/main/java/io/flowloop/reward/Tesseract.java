package io.flowloop.reward;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.bytedeco.tesseract.global.tesseract.OEM_LSTM_ONLY;
import static org.bytedeco.tesseract.global.tesseract.PSM_SINGLE_LINE;
import static org.bytedeco.tesseract.global.tesseract.TessDeleteText;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.tesseract.TessBaseAPI;

/** One native Tesseract recogniser of a line of dark English text, for one thread at a time. */
final class Tesseract implements AutoCloseable {

  private static final String MODEL = "tessdata/eng.traineddata";

  static {
    // By default JavaCPP refuses to allocate when the process holds more than four heap sizes of
    // memory, which any image model's tensors do. It reads the property when its classes load.
    String limit = "org.bytedeco.javacpp.maxPhysicalBytes";
    if (System.getProperty(limit) == null) {
      System.setProperty(limit, "0");
    }
  }

  private final TessBaseAPI api;

  private Tesseract(TessBaseAPI api) {
    this.api = api;
  }

  /**
   * A recogniser that must be closed.
   *
   * @throws IllegalStateException when the native library or its model is not on the class path or
   *     cannot be loaded
   */
  static Tesseract open() {
    byte[] model = model();
    try {
      return new Tesseract(initialized(model));
    } catch (LinkageError e) {
      throw new IllegalStateException(
          "Tesseract's native library does not load (expected: the jars of tesseract, leptonica and"
              + " javacpp of org.bytedeco with the classifier of this platform): "
              + e,
          e);
    }
  }

  /**
   * The text of an image, with line breaks; empty when there is none.
   *
   * @param digitsOnly whether nothing but the digits 0 to 9 is looked for
   */
  String read(GreyImage image, boolean digitsOnly) {
    api.SetVariable("tessedit_char_whitelist", digitsOnly ? "0123456789" : "");
    api.SetImage(image.pixels(), image.width(), image.height(), 1, image.width());
    BytePointer text = api.GetUTF8Text();
    if (text == null || text.isNull()) {
      throw new IllegalStateException(
          "Tesseract could not read an image of %d×%d pixels"
              .formatted(image.width(), image.height()));
    }
    try {
      return text.getString(UTF_8);
    } finally {
      TessDeleteText(text);
    }
  }

  /** Frees the native memory. */
  @Override
  public void close() {
    api.deallocate();
  }

  private static byte[] model() {
    try (InputStream in = Tesseract.class.getResourceAsStream("/" + MODEL)) {
      if (in == null) {
        throw new IllegalStateException(
            MODEL + ": not on the class path (expected: in the jar net.sourceforge.tess4j:tess4j)");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(MODEL + ": cannot be read from the class path", e);
    }
  }

  private static TessBaseAPI initialized(byte[] model) {
    TessBaseAPI api = new TessBaseAPI();
    try (BytePointer data = new BytePointer(model);
        BytePointer language = new BytePointer("eng")) {
      BytePointer noConfigs = null;
      int failure =
          api.Init(
              data, model.length, language, OEM_LSTM_ONLY, noConfigs, 0, null, null, false, null);
      if (failure != 0) {
        api.deallocate();
        throw new IllegalStateException(
            MODEL + ": not accepted by Tesseract " + TessBaseAPI.Version().getString(UTF_8));
      }
    }
    // Its guesses at resolutions would stand between the lines of the user's terminal.
    api.SetVariable("debug_file", "/dev/null");
    // Else it reads a line that it is not sure of once more, in negative.
    api.SetVariable("tessedit_do_invert", "0");
    // Noisy digits are read better as a line than as a word.
    api.SetPageSegMode(PSM_SINGLE_LINE);
    return api;
  }
}
