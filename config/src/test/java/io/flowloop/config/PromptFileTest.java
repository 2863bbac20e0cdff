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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
        .withMessage(dir + " is a directory, a pipe or a device");
  }

  @Test
  void read_notUtf8_namesTheLine() throws IOException {
    Path file = Files.write(dir.resolve("x"), new byte[] {'a', '\n', '\n', 'b', (byte) 0xff, '\n'});
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read(file.toString()))
        .withMessage(file + ":3 is not UTF-8");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a\u0000b", "\u001b[31mred", "a\u0085b", "a\fb"})
  void read_controlCharacter_namesTheLine(String prompt) throws IOException {
    Path file = Files.writeString(dir.resolve("x"), "one\ttab\n" + prompt + "\n");
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read(file.toString()))
        .withMessageStartingWith(file + ":2 has the control character \\u00");
  }

  @Test
  void read_longLine_namesIt() throws IOException {
    Path file = Files.writeString(dir.resolve("x"), "a\n" + "b".repeat(10_001));
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read(file.toString()))
        .withMessage(file + ":2 has more than 10000 characters");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/dev/zero", "classpath:", "classpath:presets", "classpath:presets/"})
  void read_deviceOrFolder_isRefused(String location) {
    assertThatIOException()
        .isThrownBy(() -> PromptFile.read(location))
        .withMessage(location + " is a directory, a pipe or a device");
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
