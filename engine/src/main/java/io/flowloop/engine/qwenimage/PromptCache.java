package io.flowloop.engine.qwenimage;

import io.flowloop.engine.PromptEmbedding;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Embeddings of prompts in plain memory, those asked for last, up to a number of bytes. They depend
 * on the prompt and the text encoder, which no training moves.
 */
final class PromptCache {

  private final long limit;
  private final Map<String, PromptEmbedding> embeddings = new LinkedHashMap<>(16, 0.75f, true);
  private long bytes;

  /**
   * @param limit bytes of all embeddings together; 0 keeps none
   */
  PromptCache(long limit) {
    this.limit = limit;
  }

  /** The embedding of a prompt, which is computed if it is not here. */
  PromptEmbedding get(String prompt, Function<String, PromptEmbedding> encode) {
    PromptEmbedding known = embeddings.get(prompt);
    if (known != null) {
      return known;
    }
    PromptEmbedding embedding = encode.apply(prompt);
    if (size(embedding) <= limit) {
      embeddings.put(prompt, embedding);
      bytes += size(embedding);
      makeRoom();
    }
    return embedding;
  }

  private void makeRoom() {
    Iterator<PromptEmbedding> oldest = embeddings.values().iterator();
    while (bytes > limit) {
      bytes -= size(oldest.next());
      oldest.remove();
    }
  }

  private static long size(PromptEmbedding embedding) {
    return (long) Float.BYTES * embedding.values().length + embedding.mask().length;
  }

  /** Bytes of the embeddings here. */
  long bytes() {
    return bytes;
  }
}
