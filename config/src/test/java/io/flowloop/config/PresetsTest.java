package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PresetsTest {

  @TempDir private Path dir;

  @ParameterizedTest
  @ValueSource(strings = {"glyph", "glyph-lora", "glyph-smoke"})
  void bundledPreset_canBeDrawnAndTrainedWith(String name) {
    assertThat(resolve(name, Purpose.TRAINING).config())
        .isEqualTo(resolve(name, Purpose.ROLLOUT).config())
        .extracting(config -> config.model().name())
        .isEqualTo("glyph");
  }

  @Test
  void glyphLora_isGlyphWithAdapters() {
    ResolvedConfig resolved = resolve("glyph-lora", Purpose.TRAINING);
    FlowLoopConfig config = resolved.config();
    assertThat(config.sampler()).isEqualTo(Configs.load().sampler());
    assertThat(config.update().lora().rank()).isPositive();
    assertThat(config.update().optimizer().learningRate())
        .isGreaterThan(Configs.load().update().optimizer().learningRate());
    assertThat(resolved.settings())
        .contains(
            new Setting("model.imageWidth", "96", "preset glyph"),
            new Setting("update.lora.rank", "32", "preset glyph-lora"),
            new Setting("rollout.n", "16", "reference"));
  }

  @Test
  void glyphSmoke_isShortAndLeavesNothingOut() {
    FlowLoopConfig config = resolve("glyph-smoke", Purpose.TRAINING).config();
    TrainerConfig trainer = config.trainer();
    int images = config.data().promptsPerStep() * config.rollout().n();
    assertThat(trainer.steps() * images).isLessThan(50);
    assertThat(trainer.validateEvery()).isLessThan(trainer.steps());
    assertThat(trainer.saveEvery()).isLessThan(trainer.steps());
    assertThat(config.update().miniBatch()).isLessThan(images);
    assertThat(config.sampler().windowSize())
        .isLessThan(config.sampler().stochasticRange().length());
    assertThat(trainer.dir()).isNotEqualTo(Configs.load().trainer().dir());
  }

  @ParameterizedTest
  @CsvSource({
    "glyhp, ; did you mean glyph?",
    "glyph-lara, ; did you mean glyph-lora?",
    "glyph_smoke, ; did you mean glyph-smoke?",
    "GLYPH-LORA, ; did you mean glyph-lora?",
    "tutorial, ''"
  })
  void unknownPreset_isAProblemWithTheNearest(String written, String hint) {
    assertThat(failure(written).problems())
        .containsExactly(
            new Problem(
                "preset",
                Optional.of(written),
                "command line",
                "expected: one of glyph, glyph-lora, glyph-smoke, qwen-image-ocr,"
                    + " qwen-image-ocr-cluster"
                    + hint));
  }

  @Test
  void presetOfAnotherJar_mayIncludeABundledOne() throws Exception {
    URL jar =
        jar(Map.of("presets/mine.conf", "include \"glyph-lora.conf\"\nupdate.lora.rank = 4\n"));
    ResolvedConfig resolved = withClasspath(jar, () -> resolve("mine", Purpose.TRAINING));
    assertThat(resolved.settings())
        .contains(
            new Setting("model.imageWidth", "96", "preset glyph"),
            new Setting("update.lora.alpha", "64.0", "preset glyph-lora"),
            new Setting("update.lora.rank", "4", "preset mine"));
  }

  @Test
  void presetThatIncludesNone_isAProblem() throws Exception {
    URL jar = jar(Map.of("presets/mine.conf", "include \"nowhere.conf\"\n"));
    ConfigException failure = withClasspath(jar, () -> failure("mine"));
    assertThat(failure.problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(tuple("preset: mine", "includes nowhere.conf, which is no preset"));
  }

  private static ConfigSources sources(String preset) {
    return new ConfigSources(preset, Optional.empty(), List.of());
  }

  private static ResolvedConfig resolve(String preset, Purpose purpose) {
    return ConfigLoader.load(sources(preset), Configs.NAMES, purpose);
  }

  private static ConfigException failure(String preset) {
    return Configs.failure(sources(preset));
  }

  private URL jar(Map<String, String> entries) throws Exception {
    Path jar = dir.resolve("presets.jar");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
      for (Map.Entry<String, String> entry : entries.entrySet()) {
        zip.putNextEntry(new ZipEntry(entry.getKey()));
        zip.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
        zip.closeEntry();
      }
    }
    return jar.toUri().toURL();
  }

  private static <T> T withClasspath(URL jar, Callable<T> action) throws Exception {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader loader = new URLClassLoader(new URL[] {jar}, before)) {
      thread.setContextClassLoader(loader);
      return action.call();
    } finally {
      thread.setContextClassLoader(before);
    }
  }
}
