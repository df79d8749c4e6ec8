// Byte-level BPE, WordPiece and Unigram, each with the steps that it takes.
'use strict';

const kWords = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

// GPT-2's letters for bytes: a printable one for each.
const kByteLetters = (() => {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++));
})();
const kByteOfLetter = new Map(kByteLetters.map((letter, b) => [letter, b]));

// What a token of byte letters says; bytes of a part of a character in hexadecimal.
function readable(token) {
  const bytes = [...token].map((letter) => kByteOfLetter.get(letter) ?? 63), decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  for (let i = 0; i < bytes.length;) {
    const size = bytes[i] < 0xc0 ? 1 : bytes[i] < 0xe0 ? 2 : bytes[i] < 0xf0 ? 3 : 4;
    try {
      text += visible(decoder.decode(Uint8Array.from(bytes.slice(i, i + size))));
      i += size;
    } catch {
      text += `<0x${bytes[i++].toString(16).toUpperCase().padStart(2, '0')}>`;
    }
  }
  return text;
}
const visible = (text) => text.replace(/ /g, '␣').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t');

// GPT-2's words, each as the letters of its bytes.
const byteWords = (text) => [...text.matchAll(kWords)].map(([word]) => [...new TextEncoder().encode(word)].map((b) => kByteLetters[b]));
// Words with ▁ in front, as SentencePiece writes a space, and punctuation apart.
function spacedWords(text) {
  const words = text.normalize('NFC').trim().split(/\s+/).filter(Boolean);
  return words.flatMap((word) => ('▁' + word).match(/[\p{P}]|[^\p{P}]+/gu)).map((word) => [...word]);
}

// Byte-pair encoding (Sennrich et al. 2016): of all neighbours, the pair that was learned first is merged first.
class Bpe {
  constructor({ vocab, merges }, spaced = false) {
    this.spaced = spaced;  // characters and ▁ instead of bytes
    this.ids = new Map(Object.entries(vocab));
    this.tokens = [];
    for (const [token, id] of this.ids) this.tokens[id] = token;
    this.ranks = new Map(merges.map((pair, rank) => [Array.isArray(pair) ? pair.join(' ') : pair, rank]));
  }

  // {words: pieces of each word, steps: [{word, pieces before and after, the pair and its rank}]}.
  steps(text) {
    const words = this.spaced ? spacedWords(text) : byteWords(text), steps = [];
    words.forEach((pieces, word) => {
      for (;;) {
        const ranked = pieces.slice(1).map((right, i) => this.ranks.get(`${pieces[i]} ${right}`) ?? Infinity);
        const rank = Math.min(Infinity, ...ranked);
        if (rank === Infinity) break;
        const [left, right] = [pieces[ranked.indexOf(rank)], pieces[ranked.indexOf(rank) + 1]];
        const before = [...pieces];
        for (let i = 0; i + 1 < pieces.length; ++i) {
          if (pieces[i] === left && pieces[i + 1] === right) pieces.splice(i, 2, left + right);
        }
        steps.push({ word, before, after: [...pieces], left, right, rank });
      }
    });
    return { words, steps };
  }
  encode(text) {
    const unknown = this.ids.get('<unk>');
    return this.steps(text).words.flat().map((piece) => this.ids.get(piece) ?? unknown).filter((id) => id !== undefined);
  }
  decode(ids) {
    const tokens = ids.map((id) => this.tokens[id] ?? '');
    if (this.spaced) return tokens.join('').replaceAll('▁', ' ').trimStart();
    return new TextDecoder().decode(Uint8Array.from(tokens.flatMap((token) => [...token].map((letter) => kByteOfLetter.get(letter) ?? 63))));
  }
  // What a token says; special tokens have their names.
  name(id) {
    const token = this.tokens[id] ?? '<?>';
    return this.spaced || /^<.+>$/.test(token) ? token.replace('▁', '␣') : readable(token);
  }
}

// BERT's tokenizer (Devlin et al. 2018): lower case, no accents, words and punctuation apart, then the longest piece from the left.
class WordPiece {
  constructor(vocab) {
    this.vocab = new Set(vocab);
  }
  static words(text) {
    const plain = text.toLowerCase().normalize('NFD').replace(/\p{Mn}/gu, '');
    return plain.replace(/[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff]/gu, ' $& ').match(/[\p{P}\p{S}]|[^\s\p{P}\p{S}]+/gu) ?? [];
  }
  // {words, steps: [{word, begin, tried, piece or null}]}.
  steps(text) {
    const names = WordPiece.words(text), steps = [];
    const words = names.map((name, word) => {
      const letters = [...name], pieces = [];
      for (let begin = 0; begin < letters.length;) {
        const tried = [];
        let piece = null, end = letters.length;
        for (; end > begin && piece === null; --end) {
          const candidate = (begin > 0 ? '##' : '') + letters.slice(begin, end).join('');
          if (this.vocab.has(candidate)) piece = candidate;
          else tried.push(candidate);
        }
        steps.push({ word, name, before: [...pieces], rest: letters.slice(begin).join(''), tried, piece });
        if (piece === null) return ['[UNK]'];
        pieces.push(piece);
        begin = end + 1;
      }
      return pieces;
    });
    return { words, steps };
  }
}

// The unigram language model (Kudo 2018): of all ways to cut, the one with the largest product of probabilities (Viterbi).
class Unigram {
  constructor(pieces) {
    this.scores = new Map(pieces);
    this.longest = Math.max(...pieces.map(([piece]) => [...piece].length));
    this.unknown = Math.min(...pieces.map(([, score]) => score)) - 10;
  }
  // {pieces, score, steps: [{end, piece, score, ways}]}: the best cut of each beginning of the text.
  steps(text) {
    const letters = [...('▁' + text.trim().replace(/\s+/g, '▁')).normalize('NFC')], best = [{ score: 0, piece: '', begin: 0 }], steps = [];
    for (let end = 1; end <= letters.length; ++end) {
      const ways = [];
      for (let begin = Math.max(0, end - this.longest); begin < end; ++begin) {
        const piece = letters.slice(begin, end).join('');
        const own = this.scores.get(piece) ?? (end - begin === 1 ? this.unknown : null);
        if (own !== null) ways.push({ piece, begin, own, score: best[begin].score + own, known: this.scores.has(piece) });
      }
      ways.sort((a, b) => b.score - a.score);
      best.push(ways[0]);
      steps.push({ end, prefix: letters.slice(0, end).join(''), ways, pieces: this.path(best, end) });
    }
    const pieces = this.path(best, letters.length);
    return { pieces, score: best.at(-1).score, steps };
  }
  path(best, end) {
    const pieces = [];
    for (let at = end; at > 0; at = best[at].begin) pieces.unshift(best[at].piece);
    return pieces;
  }
}
