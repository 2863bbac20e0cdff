package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.TensorScope;
import java.util.Arrays;

/**
 * The encoder of prompts that the model was trained with.
 *
 * @param tokenizer stays open when this is closed
 * @param weights owns the encoder's
 */
record QwenPromptEncoder(QwenTokenizer tokenizer, QwenTextEncoder encoder, NDManager weights)
    implements QwenImageSource.PromptEncoder {

  @Override
  public PromptEmbedding encode(String prompt) {
    long[] ids = tokenizer.ids(prompt);
    try (TensorScope _ = new TensorScope()) {
      NDArray tokens = encoder.encode(ids);
      boolean[] mask = new boolean[ids.length - QwenTokenizer.TEMPLATE_TOKENS];
      Arrays.fill(mask, true);
      return new PromptEmbedding(
          tokens.toFloatArray(), mask, Math.toIntExact(tokens.getShape().get(2)));
    }
  }

  @Override
  public void close() {
    weights.close();
  }
}
