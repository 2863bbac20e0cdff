package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResolvedConfigTest {

  private static final String[] UNUSUAL = {
    "model.device=gpu:3",
    "model.weights=pom.xml",
    "rollout.requestTimeout=1500 us",
    "rollout.seed=-1",
    "sampler.sdeType=dance-sde",
    "sampler.sdeWindowSize=2",
    "sampler.sdeWindowRange=[1,5]",
    "sampler.guidanceScale=1e-7",
    "reward.functions.ocr=null",
    "reward.functions.my_reward.weight=-2",
    "reward.functions.vlmOcr.weight=0.5",
    "reward.functions.vlmOcr.url=https://gpu-1:8000/v1",
    "reward.functions.vlmOcr.model=Qwen/Qwen2.5-VL-7B-Instruct",
    "reward.timeout=90 minutes",
    "http.host=\"\\ud800 \\u202e \\u001b\"",
    "output.dir=a # b \"c\" é"
  };

  @TempDir private Path dir;

  @Test
  void render_ofDefaults_readsBackAsTheSame() throws IOException {
    assertReadsBack(Configs.resolve());
  }

  @Test
  void render_ofUnusualValues_readsBackAsTheSame() throws IOException {
    assertReadsBack(Configs.resolve(UNUSUAL));
  }

  @Test
  void render_showsEveryKeyWithItsOrigin() {
    ResolvedConfig resolved = Configs.resolve("rollout.n=8");
    assertThat(resolved.settings()).extracting(Setting::key).isEqualTo(Configs.keys("ocr"));
    assertThat(resolved.render().lines())
        .hasSameSizeAs(resolved.settings())
        .anyMatch(line -> line.matches("rollout\\.n += 8 +# command line"))
        .anyMatch(line -> line.matches("rollout\\.seed += 42 +# reference"));
  }

  @Test
  void render_ofALongValue_movesItsOwnLineAlone() {
    assertThat(Configs.resolve("output.dir=" + "a".repeat(1000)).render()).hasSizeLessThan(12_000);
  }

  @Test
  void renderJson_anyValues_isTheSameTree() {
    String json = Configs.resolve("rollout.n=8", "output.dir=a # b").renderJson();
    assertThat(json).contains("\"n\":8", "\"dir\":\"a # b\"", "\"weights\":null");
  }

  @Test
  void setting_byKey_knowsWhereItComesFrom() {
    ResolvedConfig resolved = Configs.resolve("rollout.n=8");
    assertThat(resolved.setting("rollout.n").isFromCommandLine()).isTrue();
    assertThat(resolved.setting("rollout.n").isDefault()).isFalse();
    assertThat(resolved.setting("rollout.seed").isDefault()).isTrue();
    assertThatThrownBy(() -> resolved.setting("rollout.m"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rollout.m");
  }

  private void assertReadsBack(ResolvedConfig resolved) throws IOException {
    String bare = resolved.render().replaceAll("(?m)  # [a-z ]+$", "");
    assertThat(bare).doesNotContain("command line", "reference");
    for (String text : List.of(resolved.render(), bare)) {
      Path file = Files.writeString(dir.resolve("resolved.conf"), text);
      assertThat(Configs.resolve(file).config()).isEqualTo(resolved.config());
    }
  }

  @Test
  void of_anyConfig_writesTheSettingsThatItWasReadFrom() {
    ResolvedConfig read = Configs.resolve("update.lora.targets=[a, b.0]", "rollout.n=3");

    assertThat(ResolvedConfig.of(read.config()).settings())
        .extracting(setting -> setting.key() + " = " + setting.value())
        .containsExactlyElementsOf(
            read.settings().stream().map(s -> s.key() + " = " + s.value()).toList());
  }
}
