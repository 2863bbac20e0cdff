package io.flowloop.engine.glyph;

import io.flowloop.engine.EngineException;
import java.awt.Font;
import java.awt.FontFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The DejaVu fonts of the classpath, which draw on machines that have no fonts at all. */
public final class DejaVu {

  private static final String FOLDER = "/net/sf/jasperreports/fonts/dejavu/";

  /** Names a file that Java reads instead of asking the machine's libfontconfig. */
  private static final String CONFIGURATION = "sun.awt.fontconfig";

  private static final String NO_FONTS = "version=1\nsequence.allfonts=default\n";

  private DejaVu() {}

  /**
   * A font.
   *
   * @param face such as {@code DejaVuSans-Bold}
   * @param size in points, which are pixels here
   */
  public static synchronized Font load(String face, float size) {
    try {
      return read(face).deriveFont(size);
    } catch (IOException e) {
      if (System.getProperty(CONFIGURATION) != null) {
        throw new UncheckedIOException("font %s cannot be read".formatted(face), e);
      }
      return withoutFontconfig(face).deriveFont(size);
    }
  }

  /**
   * Java loads no font at all, not even one from a stream, where libfontconfig is missing or knows
   * no font. A configuration without fonts of the machine helps, and once read it stays.
   */
  private static Font withoutFontconfig(String face) {
    try {
      Path configuration = Files.createTempFile("fontconfig", ".properties");
      try {
        Files.writeString(configuration, NO_FONTS);
        System.setProperty(CONFIGURATION, configuration.toString());
        return read(face);
      } finally {
        System.clearProperty(CONFIGURATION);
        Files.delete(configuration);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("font %s cannot be read".formatted(face), e);
    }
  }

  private static Font read(String face) throws IOException {
    try (InputStream in = DejaVu.class.getResourceAsStream(FOLDER + face + ".ttf")) {
      if (in == null) {
        throw new EngineException("font %s: not on the classpath".formatted(face));
      }
      return Font.createFont(Font.TRUETYPE_FONT, in);
    } catch (FontFormatException e) {
      throw new EngineException("font %s is damaged".formatted(face), e);
    }
  }
}
