#!/usr/bin/python3
"""Runs a PyTorch program on a number of threads, whichever it asks for itself. For comparison only.

  threads.py N PROGRAM.py [ARGUMENT ...]
"""
import runpy, sys
import torch

torch.set_num_threads(int(sys.argv[1])); torch.set_num_threads = lambda threads: None
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')
