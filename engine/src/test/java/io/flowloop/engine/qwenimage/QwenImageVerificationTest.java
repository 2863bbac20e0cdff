package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.Dtype;
import org.junit.jupiter.api.Test;

class QwenImageVerificationTest {

  @Test
  void stages_goldenFolder_areThoseOfTheReference() {
    try (QwenImageVerification verification =
        QwenImageVerification.open(TinyQwenImage.model(Dtype.FLOAT32))) {
      assertThat(verification.stages())
          .hasSize(3 + 3 + 1 + 9 + 2 * 3 + 2 + 6)
          .allSatisfy(stage -> assertThat(stage.error()).as(stage.name()).isLessThan(2e-5));
    }
  }
}
