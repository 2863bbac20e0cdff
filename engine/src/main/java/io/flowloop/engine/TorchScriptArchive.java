package io.flowloop.engine;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A TorchScript archive built in memory from source text, so that kernels compile without Python.
 *
 * <p>The archive is an uncompressed zip of an instance without attributes: its pickled state, no
 * constants, the version of the operator schemas and the source of its class. The formats are those
 * of PyTorch's {@code torch/csrc/jit/docs/serialization.md} and pickle protocol 2.
 */
final class TorchScriptArchive {

  /** Lower numbers hide the newer operator schemas (gelu's approximation, among others). */
  private static final String VERSION = "10\n";

  private TorchScriptArchive() {}

  /** The bytes of an archive whose one module is an instance of {@code className}. */
  static byte[] of(String className, String source) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.setMethod(ZipOutputStream.STORED);
      add(zip, "data.pkl", instance(className));
      add(zip, "constants.pkl", "\u0080\u0002).".getBytes(StandardCharsets.ISO_8859_1));
      add(zip, "version", VERSION.getBytes(StandardCharsets.US_ASCII));
      add(zip, "code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory failed", e);
    }
    return bytes.toByteArray();
  }

  /**
   * PROTO 2, GLOBAL class, EMPTY_TUPLE, NEWOBJ, EMPTY_DICT, "training", NEWFALSE, SETITEM, BUILD,
   * STOP.
   */
  private static byte[] instance(String className) {
    String attribute = "training";
    String pickle =
        "\u0080\u0002c__torch__\n"
            + className
            + "\n)\u0081}X"
            + (char) attribute.length()
            + "\0\0\0"
            + attribute
            + "\u0089sb.";
    return pickle.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static void add(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry("archive/" + name);
    entry.setSize(content.length);
    entry.setCompressedSize(content.length);
    entry.setCrc(crc.getValue());
    entry.setTime(0);
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }
}
