package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterProperty;
import net.jqwik.api.lifecycle.BeforeProperty;

/**
 * Damaged prompt files: each gives prompts that are fit to be drawn and shown, or an exception that
 * names the file. {@code -Djqwik.tries.default=200000} tries as many.
 */
class PromptFuzzTest {

  private Path file = Path.of("");

  @BeforeProperty
  void createFile() throws IOException {
    file = Files.createTempFile("prompts", ".txt");
  }

  @AfterProperty
  void deleteFile() throws IOException {
    Files.delete(file);
  }

  @Property(seed = "3")
  void read_ofADamagedFile_givesPromptsOrNamesIt(@ForAll("files") String bytes) throws IOException {
    Files.write(file, bytes.getBytes(StandardCharsets.ISO_8859_1));
    try {
      assertFit(PromptFile.read(file.toString()), bytes);
    } catch (IOException e) {
      assertThat(e).hasMessageMatching(file + "(:\\d+)? (is not|holds|has) .{1,100}");
    }
  }

  @Property(seed = "4")
  void read_ofADamagedLocation_givesPromptsOrNamesIt(@ForAll("locations") String location) {
    try {
      assertThat(PromptFile.read(location).lines()).isNotEmpty();
    } catch (IOException e) {
      assertThat(e).hasMessageStartingWith(location);
    }
  }

  @Provide
  Arbitrary<String> files() {
    return Mutations.of(
        Arbitraries.of(
            "a sign that says 1234\n# note\n\nanother \u2014 sign\r\nthe last",
            "one\rtwo\r\nthree\n",
            "# only\n#comments\n",
            "\uFEFF\uFEFFone",
            "",
            "\n\n\n"),
        Arbitraries.oneOf(
                Arbitraries.of(
                    "\0",
                    "\u001b[31m",
                    "\r",
                    "\r\n",
                    "\n",
                    "\uFEFF",
                    "#",
                    " ",
                    "\t",
                    "\u2028",
                    "\u0085",
                    "\u00a0",
                    "\u200b",
                    "😀",
                    "\u000b"),
                Arbitraries.of("a", " ", "\n", "#", "漢", "\r")
                    .flatMap(text -> Arbitraries.integers().between(2, 11_000).map(text::repeat)),
                Arbitraries.strings().ofMaxLength(20))
            .map(Mutations::bytes));
  }

  @Provide
  Arbitrary<String> locations() {
    return Mutations.of(
        Arbitraries.of(
            "classpath:glyph/train.txt", "classpath:glyph/", "/dev/zero", "pom.xml", "."),
        Arbitraries.oneOf(
            Arbitraries.of(
                "/", "..", "%2e", ":", "classpath:", "file:", "http://127.0.0.1:1/", "\0"),
            Arbitraries.strings().ofMaxLength(20)));
  }

  private static void assertFit(PromptFile read, String bytes) {
    List<String> lines =
        new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8)
            .lines()
            .toList();
    for (PromptFile.Line line : read.lines()) {
      assertThat(line.prompt()).isNotBlank().doesNotStartWith("#").hasSizeLessThan(10_001);
      assertThat(line.prompt().replace("\t", "")).doesNotContainPattern("\\p{Cntrl}");
      assertThat(lines.get(line.number() - 1)).contains(line.prompt());
    }
  }
}
