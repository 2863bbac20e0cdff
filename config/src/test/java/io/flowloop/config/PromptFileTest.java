package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PromptFileTest {

  @TempDir private Path dir;

  @Test
  void read_file_skipsCommentsAndKeepsLineNumbers() throws IOException {
    Path file = dir.resolve("prompts.txt");
    Files.writeString(file, "\uFEFFfirst\r\n\n  # note\n\tsecond # kept \n#\nthird \u00fc");
    PromptFile prompts = PromptFile.read(file.toString());
    assertThat(prompts.location()).isEqualTo(file.toString());
    assertThat(prompts.lines())
        .containsExactly(
            new PromptFile.Line(1, "first"),
            new PromptFile.Line(4, "second # kept"),
            new PromptFile.Line(6, "third \u00fc"));
    assertThat(prompts.prompts()).containsExactly("first", "second # kept", "third \u00fc");
  }

  @Test
  void read_resource_isFoundOnTheClasspath() throws IOException {
    assertThat(PromptFile.read("classpath:glyph/train.txt").prompts()).hasSize(2);
  }

  @Test
  void read_missing_namesTheLocation() {
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read("classpath:nowhere.txt"))
        .withMessage("classpath:nowhere.txt does not exist");
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read("no/where.txt"))
        .withMessage("no/where.txt does not exist");
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read("no\0where"))
        .withMessageEndingWith("does not exist");
  }

  @Test
  void read_directory_saysSo() {
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read(dir.toString()))
        .withMessageContaining(dir + " cannot be read")
        .withMessageContaining("directory");
  }

  @Test
  void read_notUtf8_namesTheLine() throws IOException {
    Path file = Files.write(dir.resolve("x"), new byte[] {'a', '\n', '\n', 'b', (byte) 0xff, '\n'});
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read(file.toString()))
        .withMessage(file + ":3 is not UTF-8");
  }

  @Test
  void read_onlyComments_holdsNoPrompt() throws IOException {
    Path file = Files.writeString(dir.resolve("x"), "\n# a\n");
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read(file.toString()))
        .withMessageStartingWith(file + " holds no prompt");
  }

  @Test
  void promptFile_withoutLines_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> new PromptFile("x", List.of()));
  }
}
