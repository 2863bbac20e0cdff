/** The embedded model: a small dual-stream transformer that draws numbers in pixel space. */
@NullMarked
package io.flowloop.engine.glyph;

import org.jspecify.annotations.NullMarked;
