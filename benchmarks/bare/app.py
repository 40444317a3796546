"""A plain Streamlit app: one slider, one chart, and torch imported, as any app about networks does."""

import altair as alt
import pandas as pd
import streamlit as st
import torch

value = st.slider("value", 0, 100, 50)
st.markdown(f"shown {value * torch.ones(()).item():g}")
rows = pd.DataFrame({"x": range(10), "y": [value * x for x in range(10)]})
st.altair_chart(alt.Chart(rows).mark_bar().encode(x="x:O", y="y:Q"))
