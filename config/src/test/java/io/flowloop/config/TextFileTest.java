package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class TextFileTest {

  @TempDir private Path dir;

  @Test
  void read_ofTheLargestSize_isTheText() throws IOException {
    Path file = Files.writeString(dir.resolve("x"), "grün");
    assertThat(TextFile.read("x", file, 5)).isEqualTo("grün");
    assertThatIOException()
        .isThrownBy(() -> TextFile.read("x", file, 4))
        .withMessage("x has more than 4 bytes");
  }

  @Test
  void read_missingOrDirectory_saysSo() {
    assertThatIOException()
        .isThrownBy(() -> TextFile.read("x", dir.resolve("x"), 9))
        .withMessage("x does not exist");
    assertThatIOException()
        .isThrownBy(() -> TextFile.read("x", dir, 9))
        .withMessage("x is a directory, a pipe or a device");
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void read_pipeOrDevice_isNotEvenOpened() throws IOException, InterruptedException {
    Path pipe = dir.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    for (Path endless : new Path[] {pipe, Path.of("/dev/zero")}) {
      assertThatIOException()
          .isThrownBy(() -> TextFile.read("x", endless, 9))
          .withMessage("x is a directory, a pipe or a device");
    }
  }

  @Test
  void read_notUtf8_namesTheLineWhateverEndsLines() throws IOException {
    byte[] bytes = "a\rb\r\nc\n\u00ff".getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(dir.resolve("x"), bytes);
    assertThatIOException()
        .isThrownBy(() -> TextFile.read("x", file, 99))
        .withMessage("x:4 is not UTF-8");
  }
}
