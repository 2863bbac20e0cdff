package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.Dtype;
import java.util.List;
import org.junit.jupiter.api.Test;

class QwenImageVerificationTest {

  @Test
  void place_weightsThatAreJoinedOrSwapped_areFoundInThoseOnTheDevice() {
    QwenImageTransformer.Place values =
        QwenImageTransformer.place("transformer_blocks.1.attn.add_v_proj.bias");
    assertThat(values.name()).isEqualTo("transformer_blocks.1.attn.add_qkv_proj.bias");
    assertThat(values.of(new float[] {1, 2, 3, 4, 5, 6})).containsExactly(5, 6);

    QwenImageTransformer.Place modulation = QwenImageTransformer.place("norm_out.linear.bias");
    assertThat(modulation.name()).isEqualTo("norm_out.shift_scale.bias");
    assertThat(modulation.of(new float[] {1, 2, 3, 4})).containsExactly(3, 4, 1, 2);
  }

  @Test
  void stages_goldenFolder_areThoseOfTheReference() {
    try (QwenImageVerification verification =
        QwenImageVerification.open(TinyQwenImage.model(Dtype.FLOAT32))) {
      List<QwenImageVerification.Stage> stages = verification.stages();

      assertThat(stages)
          .hasSize(3 + 3 + 1 + 9 + 2 * 3 + 2 + 6)
          .allSatisfy(stage -> assertThat(stage.error()).as(stage.name()).isLessThan(2e-5));
      assertThat(verification.stages()).isEqualTo(stages);
    }
  }

  @Test
  void stages_bfloat16_areNearThoseOfTheReference() {
    try (QwenImageVerification verification =
        QwenImageVerification.open(TinyQwenImage.model(Dtype.BFLOAT16))) {
      assertThat(verification.stages())
          .hasSize(3 + 3 + 1 + 9 + 2 * 3 + 2 + 6)
          .allSatisfy(stage -> assertThat(stage.error()).as(stage.name()).isLessThan(0.05));
    }
  }
}
