// Searches the texts of all pages: each word, or each run of Chinese characters, must occur; titles count most.
'use strict';

const search = document.getElementById('search'), results = document.getElementById('results');
const { pages, found, not_found: notFound } = JSON.parse(document.getElementById('search-data').textContent);

// The text around the first word, with the words marked.
function excerpt(text, words) {
  const lower = text.toLowerCase(), first = Math.max(0, lower.indexOf(words[0])), begin = Math.max(0, first - 60);
  const part = (begin > 0 ? '… ' : '') + text.slice(begin, first + 140) + ' …', shown = document.createElement('p');
  let rest = part;
  while (rest) {
    const places = words.map((word) => [rest.toLowerCase().indexOf(word), word]).filter(([at]) => at >= 0).sort((a, b) => a[0] - b[0]);
    if (places.length === 0) break;
    const [at, word] = places[0], mark = document.createElement('mark');
    mark.textContent = rest.slice(at, at + word.length);
    shown.append(rest.slice(0, at), mark);
    rest = rest.slice(at + word.length);
  }
  shown.append(rest);
  return shown;
}

function showResults() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  results.hidden = words.length === 0;
  if (words.length === 0) return;
  const count = (text, word) => text.toLowerCase().split(word).length - 1;
  const hits = pages.map((page) => {
    const counts = words.map((word) => 20 * count(page.title, word) + count(page.text, word));
    return { page, score: counts.every((n) => n > 0) ? counts.reduce((a, b) => a + b, 0) : 0 };
  }).filter(({ score }) => score > 0).sort((a, b) => b.score - a.score);
  const heading = document.createElement('h2');
  heading.textContent = (hits.length ? found : notFound).replace('{}', search.value.trim());
  results.replaceChildren(heading, ...hits.slice(0, 10).flatMap(({ page }) => {
    const title = document.createElement('h3'), link = document.createElement('a');
    link.href = `${page.name}.html`;
    link.textContent = page.title;
    title.append(link);
    return [title, excerpt(page.text, words)];
  }));
}

search.value = new URLSearchParams(location.search).get('q') ?? '';
search.addEventListener('input', showResults);
search.form.addEventListener('submit', (event) => event.preventDefault());
showResults();
