/** Qwen-Image, from a folder as Hugging Face publishes it. */
@NullMarked
package io.flowloop.engine.qwenimage;

import org.jspecify.annotations.NullMarked;
