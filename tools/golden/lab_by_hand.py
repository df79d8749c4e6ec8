#!/usr/bin/env python3
"""Writes tests/goldens/lab_by_hand/lab_by_hand.json: the calculations of the lab's pages in float64.

Needs: pip install numpy
"""
import json
import pathlib

import numpy as np

ROOT = np.sqrt(2.0)
X = np.array([[1.0, 0], [0, 1], [1, 1]])
W_Q, W_K, W_V = np.array([[1.0, 1], [0, 2]]), np.array([[2.0, 0], [1, 1]]), np.array([[1.0, -1], [3, 1]])
Q, K, V = X @ W_Q, X @ W_K, X @ W_V


def softmax(scores):
    numerators = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return numerators / numerators.sum(axis=-1, keepdims=True)


def norm(x):
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


def causal(scores):
    return np.where(np.tril(np.ones_like(scores, dtype=bool)), scores, -np.inf)


def self_attention():
    a = softmax(Q @ K.T / ROOT)
    return dict(X=X, W_Q=W_Q, W_K=W_K, W_V=W_V, Q=Q, K=K, V=V, S=Q @ K.T, scaled=Q @ K.T / ROOT, A=a, O=a @ V)


def multi_head():
    x = np.array([[2.0, 0, 0, 2], [0, 2, 0, 2], [2, 0, 2, 0]])
    w_o = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1], [1, 0, -1, 0], [0, 1, 0, -1]])
    one, two = x[:, :2], x[:, 2:]
    a_1, a_2 = softmax(one @ one.T / ROOT), softmax(two @ two.T / ROOT)
    concat = np.concatenate([a_1 @ one, a_2 @ two], axis=1)
    return dict(X=x, W_O=w_o, S_1=one @ one.T, S_2=two @ two.T, A_1=a_1, A_2=a_2, O_1=a_1 @ one, O_2=a_2 @ two, concat=concat, Y=concat @ w_o)


def heads():
    v = np.array([[1.0, 0], [0, 1], [0, 0]])
    swapped = v[[1, 0, 2]]
    both, first, second = (softmax(np.array([row])) for row in ([6.0, 6, 0], [6.0, 0, 0], [0.0, 6, 0]))
    two = [np.concatenate([first @ values, second @ values], axis=1) for values in (v, swapped)]
    return dict(V=v, V_swapped=swapped, both=both, first=first, second=second, one=both @ v, one_swapped=both @ swapped, two=two[0],
                two_swapped=two[1])


def encoder_decoder():
    y = np.array([[0.0, 1], [1, 0]])
    q = y @ W_Q
    a = softmax(q @ K.T / ROOT)
    return dict(M=X, Y=y, W_Q=W_Q, W_K=W_K, W_V=W_V, Q=q, K=K, V=V, S=q @ K.T, A=a, O=a @ V)


def masks():
    scaled = Q @ K.T / ROOT
    a = softmax(causal(scaled))
    return dict(scaled=scaled, masked=causal(scaled), A_free=softmax(scaled), A=a, V=V, O=a @ V)


def padding_mask():
    scaled = (Q @ K.T / ROOT)[:2]
    a, real = softmax(scaled), softmax(scaled[:, :2])
    return dict(scaled=scaled, V=V, A_all=a, O_all=a @ V, A=real, O=real @ V[:2])


def kv_heads():
    q_1, q_2 = np.array([[1.0, 1], [0, 2]]), np.array([[1.0, -1], [2, 0]])
    k_1, k_2 = np.array([[2.0, 0], [1, 1], [3, 1]]), np.array([[0.0, 1], [1, 0], [1, 1]])
    v_1, v_2 = np.array([[1.0, -1], [3, 1], [4, 0]]), np.array([[1.0, 0], [0, 1], [1, 1]])
    a_1, a_2 = softmax(q_1 @ k_1.T / ROOT), softmax(q_2 @ k_2.T / ROOT)
    return dict(Q_1=q_1, Q_2=q_2, K_1=k_1, K_2=k_2, V_1=v_1, V_2=v_2, S_1=q_1 @ k_1.T, S_2=q_2 @ k_2.T, A_1=a_1, A_2=a_2, O_1=a_1 @ v_1,
                O_2=a_2 @ v_2, pooled=(k_1 + k_2) / 2)


def kv_cache():
    a = softmax(causal(Q @ K.T / ROOT))
    return dict(K_kept=K[:2], V_kept=V[:2], q=Q[2:], k=K[2:], v=V[2:], s=Q[2:] @ K.T, a=a[2:], o=a[2:] @ V, O=a @ V)


def flash_attention():
    q, k = np.array([[1.0, 1]]), np.array([[2.0, 0], [1, 1], [3, 1], [0, 0], [1, 0], [2, 2]])
    v = np.array([[1.0, -1], [3, 1], [4, 0], [0, 2], [1, 1], [2, 0]])
    s = q @ k.T / ROOT
    numbers = dict(q=q, K=k, V=v, s=s)
    for tile in (1, 2, 3):
        # By definition, without the rescaling of what came before.
        seen = s[:, :2 * tile]
        before = s[:, :2 * tile - 2].max() if tile > 1 else -np.inf
        m = seen.max()
        numbers |= {f"s_{tile}": s[:, 2 * tile - 2:2 * tile], f"V_{tile}": v[2 * tile - 2:2 * tile], f"m_{tile}": m,
                    f"factor_{tile}": np.exp(before - m), f"p_{tile}": np.exp(s[:, 2 * tile - 2:2 * tile] - m),
                    f"l_{tile}": np.exp(seen - m).sum(), f"o_{tile}": np.exp(seen - m) @ v[:2 * tile]}
    return numbers | dict(O=softmax(s) @ v, whole=softmax(s) @ v)


def scaling():
    q, k = np.array([[1.0, 1]]), np.array([[1.0, 1], [1, 0], [-1, 0]])
    s_long = np.tile(q, 16) @ np.tile(k, 16).T
    a_long, a_long_scaled = softmax(s_long), softmax(s_long / np.sqrt(32))
    return dict(q=q, K=k, s=q @ k.T, s_long=s_long, a_long=a_long, a_long_scaled=a_long_scaled, root=ROOT, root_long=np.sqrt(32.0),
                a_scaled=softmax(q @ k.T / ROOT), slope_long=a_long[0, 0] * (1 - a_long[0, 0]),
                slope_long_scaled=a_long_scaled[0, 0] * (1 - a_long_scaled[0, 0]))


def separate_projections():
    angles = np.radians([0, 120, 240])
    x = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    turn = np.radians(120)
    w_q = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return dict(X=x, W_Q=w_q, Q=x @ w_q, S_tied=x @ x.T, A_tied=softmax(x @ x.T / ROOT), S=x @ w_q @ x.T, A=softmax(x @ w_q @ x.T / ROOT))


def dot_or_addition():
    q = Q[:1]
    tangents = np.tanh(q + K)
    e = tangents.sum(axis=1)[None]
    a = softmax(q @ K.T / ROOT)
    return dict(q=q, K=K, V=V, sums=q + K, tangents=tangents, e=e, a_added=softmax(e), o_added=softmax(e) @ V, s=q @ K.T, a=a, o=a @ V)


def structure():
    x = np.array([[1.0, 0, 2, 1], [0, 1, 1, 2], [2, 2, 0, 0]])
    f = np.array([[1.0, 2, -1, 0], [0, 1, 1, 0], [1, 0, 2, 1]])
    r = x + f
    return dict(X=x, F=f, R=r, mean=r.mean(axis=1)[:, None], variance=r.var(axis=1)[:, None], Y=norm(r))


def feed_forward():
    w_1, w_2 = np.array([[1.0, -1, 2, 0], [1, 1, -1, -2]]), np.array([[1.0, 0], [0, 1], [1, -1], [2, 0]])
    h = X @ w_1
    return dict(X=X, W_1=w_1, W_2=w_2, H=h, active=np.maximum(h, 0), Y=np.maximum(h, 0) @ w_2, linear=h @ w_2)


def positions():
    places = np.arange(3)[:, None]
    p = np.concatenate([f(places / 10000 ** (i / 4)) for i in (0, 2) for f in (np.sin, np.cos)], axis=1)
    turned = np.concatenate([np.cos(places), np.sin(places)], axis=1)
    return dict(P=p, products=p @ p.T, q=np.array([[1.0, 0]] * 3), turned=turned, scores=np.cos(places - places.T))


def norm_kind():
    x = np.array([[1.0, 2, 3, 6], [2, 2, 4, 0], [3, 5, 2, 6]])
    other = np.array([[1.0, 2, 3, 6], [2, 2, 4, 0], [9, 5, 8, 0]])
    return dict(X=x, X_other=other, layer=norm(x), batch=norm(x.T).T, layer_other=norm(other), batch_other=norm(other.T).T)


def embedding_scale():
    e, p = np.array([[0.5, -0.5, 0.5, 0.5]]), np.array([[np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)]])
    return dict(e=e, p=p, scaled=2 * e, plain_sum=e + p, sum=2 * e + p, length_e=np.linalg.norm(e), length_p=np.linalg.norm(p),
                length_scaled=np.linalg.norm(2 * e), length_512=16.0, root_512=np.sqrt(512.0))


def longest_chain(tokens, layers):
    """Matrix products on the longest path through a stack of LSTM layers, from a token to the last output."""
    above = [0] * tokens  # of the layer's input at each token
    for _ in range(layers):
        before, chain = 0, []
        for t in range(tokens):
            before = max(above[t] + 1, before + 1 if t else 0)  # W_ih x_t and W_hh h_{t-1} are two products side by side
            chain.append(before)
        above = chain
    return above[-1] + 1


def recurrent():
    h, states = 0.0, []
    for x in (1.0, 0, 0):
        h = np.tanh(x + 0.5 * h)
        states.append(h)
    slopes = [0.5 * (1 - h * h) for h in states]
    return dict(x=np.array([[1.0, 0, 0]]), h=np.array([states]), slope_2=slopes[1], slope_3=slopes[2], slope=slopes[1] * slopes[2],
                bound=0.5 ** 31, gate=0.9 ** 31, steps_lstm=longest_chain(2048, 4),
                steps_transformer=4 * len(["W_Q", "QK^T", "AV", "W_O", "W_1", "W_2"]) + 1)


def convolutional():
    y = np.array([1.0, 0, 0, 0, 0])
    numbers = dict(x=y[None])
    for layer in range(1, 5):
        y = np.convolve(y, [1, 1, 1], mode="same")
        numbers[f"y_{layer}"] = y[None]
    return numbers


def quadratic():
    n = np.array([[3.0, 6, 12]])
    return dict(n=n, scores=n * n, products=2 * n * n, both=4 * n * n, projections=12 * n)


def complexity():
    return dict(attention=36, projections=48, recurrence=24, convolution=36)


def head_width():
    return dict(weights=64, weights_wide=128, products=3 * 64 + 72, products_wide=3 * 128 + 144, weights_one=64)


def main():
    pages = {}
    for page in (self_attention, multi_head, heads, encoder_decoder, masks, padding_mask, kv_heads, kv_cache, flash_attention, scaling,
                 separate_projections, dot_or_addition, structure, feed_forward, positions, norm_kind, embedding_scale, recurrent,
                 convolutional, quadratic, complexity, head_width):
        pages[page.__name__] = {name: np.nan_to_num(np.atleast_2d(value), neginf=-1e300).astype(float).tolist() for name, value in page().items()}
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/lab_by_hand"
    folder.mkdir(exist_ok=True)
    (folder / "lab_by_hand.json").write_text(json.dumps(pages, indent=1) + "\n")
    print("numpy", np.__version__)


if __name__ == "__main__":
    main()
