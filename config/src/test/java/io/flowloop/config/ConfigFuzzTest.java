package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterProperty;
import net.jqwik.api.lifecycle.BeforeProperty;

/**
 * Damaged configurations: each gives settings that can be written and read again, or a {@link
 * ConfigException} that can be shown. {@code -Djqwik.tries.default=200000} tries as many.
 */
class ConfigFuzzTest {

  private static final List<String> KEYS = Configs.keys();

  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "-1",
          "0",
          "1",
          "8.5",
          "1e999999999",
          "-1e-999999999",
          "2147483648",
          "9".repeat(4000),
          "0." + "1".repeat(4000),
          "NaN",
          "1 d",
          "1e300 d",
          "-3 s",
          "1 fortnight",
          "[]",
          "[0,3]",
          "[0,[1]]",
          "{}",
          "{weight=2}",
          "\"\"",
          "\"\\ud800\"",
          "\"\\u202ea\\u001b[31m\"",
          "\"a\\u0000b\"",
          "\"\"\"a\nb\"\"\"",
          "a".repeat(4000),
          "/dev/zero",
          "\"/dev/null/x\"",
          "\"classpath:\"",
          "\"classpath:presets\"",
          "grün",
          "漢字",
          "\"😀 # x\"",
          "gpu:0",
          "x//y",
          "${output.dir}",
          "${?output.dir}/x",
          "${HOME}",
          "${?PATH}",
          "${rollout}",
          "${a}",
          "${",
          "[${trainer.trackers} ${trainer.trackers}]",
          "${rollout} {n = 3}",
          "{x = ${a}}");

  private static final List<String> SNIPPETS =
      List.of(
          "include \"fuzz.conf\"",
          "include \"nowhere\"",
          "include \"\"",
          "include \"/dev/zero\"",
          "include \"\\u0000\"",
          "include url(\"http://127.0.0.1:1/a.conf\")",
          "include \"http://127.0.0.1:1/a.conf\"",
          "include classpath(\"flowloop-reference.conf\")",
          "include file(\"/dev/zero\")",
          "include required(\"nowhere.conf\")",
          "include package(\"a\")",
          "a = ${b}, b = ${a}",
          "a = ${a}",
          "a = ${a}${a}",
          "a += 1",
          "{",
          "}",
          "[",
          "]",
          "(",
          "\"",
          "\"\"\"",
          "=",
          ":",
          "+=",
          ".",
          ",",
          "#",
          "//",
          "\\",
          "$",
          "${",
          "?",
          "\r",
          "\r\n",
          "\0",
          "\u001b[2J",
          "\uFEFF",
          "\u2028",
          "\u202e",
          "\u00a0",
          "٣");

  private Path file = Path.of("");

  @BeforeProperty
  void createFile() throws IOException {
    file = Files.createTempDirectory("config").resolve("fuzz.conf");
  }

  @AfterProperty
  void deleteFile() throws IOException {
    Files.deleteIfExists(file);
    Files.delete(file.getParent());
  }

  @Property(seed = "1")
  void load_ofADamagedFile_givesSettingsOrProblems(@ForAll("files") String bytes)
      throws IOException {
    Files.write(file, bytes.getBytes(StandardCharsets.ISO_8859_1));
    load(Optional.of(file), List.of());
  }

  @Property(seed = "2")
  void load_ofDamagedAssignments_givesSettingsOrProblems(
      @ForAll("assignments") List<String> assignments) throws IOException {
    load(Optional.empty(), assignments);
  }

  @Provide
  Arbitrary<String> files() {
    return Mutations.of(
        Arbitraries.of(
            resource("/flowloop-reference.conf"),
            resource("/presets/glyph.conf"),
            resource("/presets/glyph-smoke.conf"),
            Mutations.bytes(Configs.resolve().render())),
        inserted().map(Mutations::bytes));
  }

  @Provide
  Arbitrary<List<String>> assignments() {
    return Mutations.of(assignment(), inserted()).list().ofMinSize(1).ofMaxSize(3);
  }

  private static Arbitrary<String> inserted() {
    return Arbitraries.oneOf(
        Arbitraries.of(SNIPPETS),
        assignment(),
        Arbitraries.strings().ofMaxLength(20),
        Combinators.combine(
                Arbitraries.of("{", "[", "a.", "a{", "a=[", "\n", "#", "x", "[{", "a=1\n", "1 "),
                Arbitraries.integers().between(2, 8000))
            .as(String::repeat));
  }

  private static Arbitrary<String> assignment() {
    return Combinators.combine(
            Arbitraries.of(KEYS), Arbitraries.of("=", "+=", " : "), Arbitraries.of(VALUES))
        .as((key, is, value) -> key + is + value);
  }

  private void load(Optional<Path> from, List<String> assignments) throws IOException {
    ResolvedConfig resolved;
    try {
      resolved =
          ConfigLoader.load(
              new ConfigSources(ConfigSources.DEFAULT_PRESET, from, assignments), Configs.NAMES);
    } catch (ConfigException e) {
      assertCanBeShown(e);
      return;
    }
    Files.writeString(file, resolved.render());
    assertThat(Configs.resolve(file).config()).isEqualTo(resolved.config());
  }

  private static void assertCanBeShown(ConfigException e) {
    assertThat(e.problems())
        .isNotEmpty()
        .allSatisfy(
            problem -> {
              assertThat(problem.key()).isNotBlank();
              assertThat(problem.message()).isNotBlank();
              assertThat(problem.subject() + problem.origin() + problem.message())
                  .matches("\\P{Cntrl}{1,3000}");
            });
    assertThat(e.getMessage()).hasSizeLessThan(400_000);
  }

  private static String resource(String name) {
    try (InputStream in = ConfigLoader.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
