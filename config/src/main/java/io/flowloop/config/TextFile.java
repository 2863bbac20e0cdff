package io.flowloop.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A UTF-8 text that is read as a whole, of a size that is known to fit. */
final class TextFile {

  /** What is opened to be read. */
  interface Source {
    InputStream open() throws IOException;
  }

  private TextFile() {}

  /**
   * The text of a regular file. A pipe may never begin and a device never end, so neither is
   * opened.
   *
   * @param name what messages call it
   * @param most bytes
   * @throws IOException if it cannot be read, is larger or is not UTF-8; the message begins with
   *     the name
   */
  static String read(String name, Path file, int most) throws IOException {
    if (!Files.exists(file)) {
      throw new IOException(name + " does not exist");
    }
    if (!Files.isRegularFile(file)) {
      throw new IOException(name + " is a directory, a pipe or a device");
    }
    return read(name, () -> Files.newInputStream(file), most);
  }

  /** The same of anything else that can be opened. */
  static String read(String name, Source source, int most) throws IOException {
    byte[] bytes = bytes(name, source, most);
    if (bytes.length > most) {
      throw new IOException(name + " has more than " + most + " bytes");
    }
    return decode(name, bytes);
  }

  private static String decode(String name, byte[] bytes) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(bytes);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(rest).toString();
    } catch (CharacterCodingException e) {
      String before = new String(bytes, 0, rest.position(), StandardCharsets.UTF_8);
      throw new IOException(name + ":" + (before + "?").lines().count() + " is not UTF-8", e);
    }
  }

  private static byte[] bytes(String name, Source source, int most) throws IOException {
    try (InputStream in = source.open()) {
      return in.readNBytes(most + 1);
    } catch (IOException e) {
      throw new IOException(name + " cannot be read (" + e + ")", e);
    }
  }
}
