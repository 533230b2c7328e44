"""Networks of the zoos, with random weights: layers, fit and explain, each by its name.

They need torchvision, timm and transformers, and so an environment of their own: `make test-zoo`.
"""

import json
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import sacv
from sacv.cli import main
from sacv.errors import LayerError, ModelSpecError, SacvError
from sacv.maps import methods
from sacv.model import ImageTransform

pytest.importorskip("torchvision")
pytest.importorskip("timm")
pytest.importorskip("transformers")

TORCHVISION = {
    "vgg19": ("features.25", "NCHW", (28, 28)),
    "resnet50": ("layer3", "NCHW", (14, 14)),
    "densenet121": ("features.denseblock3", "NCHW", (14, 14)),
    "mobilenet_v3_small": ("features.8", "NCHW", (14, 14)),
    "efficientnet_b0": ("features.5", "NCHW", (14, 14)),
    "convnext_tiny": ("features.5.3.block.3", "NHWC", (14, 14)),
    "vit_b_16": ("encoder.layers.encoder_layer_6", "tokens 14x14+1", (14, 14)),
    "swin_t": ("features.5", "NHWC", (14, 14)),
}
TIMM = {
    "resnet50d": ("layer3", "NCHW", (14, 14)),
    "vit_small_patch16_dinov3": ("blocks.6", "tokens 16x16+5", (16, 16)),
    "swinv2_tiny_window8_256": ("layers.2", "NHWC", (16, 16)),
    "coatnet_0_rw_224": ("stages.2", "NCHW", (14, 14)),
    "maxvit_tiny_rw_224": ("stages.2.blocks.1.attn_grid", "NHWC", (14, 14)),
    "efficientvit_b0": ("stages.2", "NCHW", (14, 14)),
    "deit_tiny_distilled_patch16_224": ("blocks.6", "tokens 14x14+2", (14, 14)),
}


def pictures(count, seed, tint):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (count, 8, 8, 3)) + np.array(tint)
    small = [Image.fromarray(one.clip(0, 255).astype(np.uint8)) for one in coarse]
    return [np.asarray(one.resize((64, 48), Image.Resampling.BICUBIC)) for one in small]


def fit_and_explain(model, layer, target=0, **options):
    """Ask a model of nothing but noise: what is checked is that every part answers."""
    reddish, others, shown = pictures(4, 0, (120, 0, 0)), pictures(6, 1, (0, 0, 0)), pictures(2, 2, (60, 0, 0))
    bank = sacv.fit(model, [layer], {"reddish": reddish}, others, runs=3, nulls=19)
    return bank, sacv.explain(model, shown, bank, target, allow_weak=True, **options)


def require_complete(model, layer, layout, grid):
    with torch.no_grad():
        for parameter in model.net.parameters():
            if parameter.ndim > 1 and not parameter.any():  # torchvision's heads of transformers start as zeros
                torch.nn.init.normal_(parameter, std=0.02)
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    modes = [module.training for module in model.net.modules()]
    random_state = torch.get_rng_state()
    model.logits(model.example())
    hooks = [list(module._forward_hooks) for module in model.net.modules()]  # transformers adds some in its first pass
    info = model.survey(model.example())[layer]
    assert (info.layout.name, info.grid) == (layout, grid)
    bank, found = fit_and_explain(model, layer)
    assert bank.layers[layer].layout == layout and bank.layers[layer].grid == grid
    for maps in (found.relevance(layer, "reddish"), found.contribution(layer, "reddish")):
        assert maps.shape == (2, *grid) and np.isfinite(maps).all() and np.ptp(maps) > 0
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())
    assert [module.training for module in model.net.modules()] == modes
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.net.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [list(module._forward_hooks) for module in model.net.modules()] == hooks
    return found


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name):
    model = sacv.load_model(f"torchvision:{name}@random")
    assert len(model.class_names) == 1000 and model.class_names[340] == "zebra"
    found = require_complete(model, *TORCHVISION[name])
    assert found.images[0].target_name == "tench"


@pytest.mark.parametrize("name", TIMM)
def test_timm(name):
    model = sacv.load_model(f"timm:{name}@random")
    require_complete(model, *TIMM[name])
    if model.class_names is not None:
        assert len(model.class_names) == 1000 and "zebra" in model.class_names


def test_a_vit_that_is_not_square():
    import timm

    net = timm.create_model("vit_tiny_patch16_224", img_size=(96, 160), num_classes=5)
    model = sacv.VisionModel(net, ImageTransform(resize=(96, 160)))
    require_complete(model, "blocks.6", "tokens 6x10+1", (6, 10))


def test_a_volume_network():
    from torchvision.models.video import r3d_18

    torch.manual_seed(0)
    model = sacv.VisionModel(r3d_18(weights=None, num_classes=5))
    concept, others, shown = (
        torch.randn(4, 3, 8, 32, 32) + 0.5,
        torch.randn(6, 3, 8, 32, 32),
        torch.randn(2, 3, 8, 32, 32),
    )
    bank = sacv.fit(model, ["layer2"], {"bright": concept}, [others], runs=3, nulls=19)
    found = sacv.explain(model, shown, bank, 1, allow_weak=True)
    assert bank.layers["layer2"].layout == "NCDHW"
    assert found.contribution("layer2", "bright").shape == (2, 4, 8, 8)


def test_the_transforms_are_the_zoos_own():
    from torchvision.models import ResNet50_Weights

    picture = Image.fromarray(pictures(1, 3, (0, 0, 0))[0]).resize((300, 200))
    model = sacv.load_model("torchvision:resnet50@random")
    assert torch.equal(model.transform(picture), ResNet50_Weights.DEFAULT.transforms()(picture))
    # Of 300 x 200, the shorter side becomes 232 and the middle 224 x 224 are cut out.
    left, top, right, bottom = model.transform.region(picture.size)
    assert (right - left, bottom - top) == pytest.approx((224 * 200 / 232,) * 2)
    assert (left + right, top + bottom) == pytest.approx((300, 200))


def hugging_face(kind, folder):
    """Write a small network of a kind, untrained, as transformers keeps them."""
    import transformers as zoo

    vit = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3}
    convolutional = {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 64, 128]}
    edge = zoo.ConvNextImageProcessor(size={"shortest_edge": 224})
    crop = zoo.BitImageProcessor(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224})
    made = {
        "resnet": (zoo.ResNetConfig, {**convolutional, "embedding_size": 16, "layer_type": "basic"},
                   zoo.ResNetForImageClassification, edge),
        "vit": (zoo.ViTConfig, {**vit, "intermediate_size": 96}, zoo.ViTForImageClassification,
                zoo.ViTImageProcessor()),
        "dinov2": (zoo.Dinov2WithRegistersConfig, {**vit, "image_size": 224, "patch_size": 14},
                   zoo.Dinov2WithRegistersForImageClassification, crop),
        "swin": (zoo.SwinConfig, {"embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4]},
                 zoo.SwinForImageClassification, zoo.ViTImageProcessor()),
        "convnext": (zoo.ConvNextConfig, convolutional, zoo.ConvNextForImageClassification, edge),
        "segformer": (zoo.SegformerConfig,
                      {"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 4],
                       "decoder_hidden_size": 32},
                      zoo.SegformerForSemanticSegmentation,
                      zoo.SegformerImageProcessor(size={"height": 128, "width": 128})),
    }  # fmt: skip
    config_kind, fields, net_kind, processor = made[kind]
    torch.manual_seed(0)
    names = {0: "cat", 1: "dog", 2: "horse"}
    config = config_kind(**fields, id2label=names, label2id={name: index for index, name in names.items()})
    config.architectures = [net_kind.__name__]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net_kind(config).save_pretrained(folder)
        processor.save_pretrained(folder)
    return f"hf:{folder}"


HF = {
    "resnet": ("resnet.encoder.stages.2", "NCHW", (14, 14)),
    "vit": ("vit.layers.1", "tokens 14x14+1", (14, 14)),
    "dinov2": ("dinov2_with_registers.encoder.layer.1", "tokens 16x16+5", (16, 16)),
    "swin": ("swin.encoder.layers.0.blocks.1", "tokens 56x56", (56, 56)),
    "convnext": ("convnext.encoder.stages.2", "NCHW", (14, 14)),
    "segformer": ("segformer.stages.1", "NCHW", (16, 16)),
}


@pytest.mark.parametrize("kind", HF)
def test_transformers(kind, tmp_path):
    model = sacv.load_model(hugging_face(kind, tmp_path / kind))
    assert model.class_names == ["cat", "dog", "horse"]
    require_complete(model, *HF[kind])


def test_a_segmenting_network_by_place(tmp_path):
    """The class's mean logit, or one's own function: the logit at one place."""
    model = sacv.load_model(hugging_face("segformer", tmp_path / "net"))

    def corner(output):
        return output.logits[:, 1, 0, 0]

    found = fit_and_explain(model, "segformer.stages.0", corner)[1]
    mean = fit_and_explain(model, "segformer.stages.0", "dog")[1]
    x = model.inputs([item.load() for item in found.image_set])
    with torch.no_grad():
        logits = model.net(x).logits
    assert [image.logit for image in found.images] == pytest.approx(logits[:, 1, 0, 0].tolist(), rel=1e-4)
    assert [image.logit for image in mean.images] == pytest.approx(logits[:, 1].mean((1, 2)).tolist(), rel=1e-4)
    assert found.images[0].target_name == "corner" and mean.images[0].target_name == "dog"


@pytest.mark.parametrize("spec", ["timm:swinv2_tiny_window8_256@random"])
def test_windows_are_refused_with_the_nearest_layer(spec):
    model = sacv.load_model(spec)
    with pytest.raises(LayerError, match=r"windows of a partition; choose 'layers.1.blocks.0'"):
        model.usable(model.example(), ["layers.1.blocks.0.attn.proj"])


def test_a_layer_after_which_only_the_class_token_is_read():
    model = sacv.load_model("torchvision:vit_b_16@random")
    torch.nn.init.normal_(model.net.heads.head.weight)
    found = fit_and_explain(model, "encoder.layers.encoder_layer_11")[1]
    (note,) = [note for note in found.notes if note.layer is not None and "weak" not in note.kind]
    assert note.kind == "zero contribution" and "class token" in note.text
    assert "such as 'encoder.layers.encoder_layer_10'" in note.text


@pytest.mark.parametrize("method", [methods.IntegratedGradients(4), methods.Ablation(), methods.Gated()], ids=repr)
def test_methods_on_tokens(method, tmp_path):
    model = sacv.load_model(hugging_face("vit", tmp_path / "net"))
    found = fit_and_explain(model, "vit.layers.1", method=method, checks=False)[1]
    assert np.ptp(found.contribution("vit.layers.1", "reddish")) > 0


def test_weights_from_a_file(tmp_path):
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(1)
    net = torchvision.models.resnet18(weights=None)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in net.state_dict().items()}}, tmp_path / "w.pth"
    )
    for file in ("weights.safetensors", "w.pth"):
        model = sacv.load_model("torchvision:resnet18", weights=tmp_path / file)
        assert torch.equal(model.net.fc.weight, net.fc.weight)
        assert model.spec == f"torchvision:resnet18@{tmp_path / file}"
    with pytest.raises(ModelSpecError, match="do not fit this network"):
        sacv.load_model("torchvision:resnet34", weights=tmp_path / "w.pth")
    with pytest.raises(ModelSpecError, match=r"there is no file nowhere.pth nor weights of resnet18 \(IMAGENET1K_V1\)"):
        sacv.load_model("torchvision:resnet18@nowhere.pth")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("torchvision:resnet55", "no model 'resnet55'; the nearest are"),
        ("timm:vit_smal_patch16_224", "no model 'vit_smal_patch16_224'; the nearest are"),
    ],
)
def test_wrong_names(spec, words):
    with pytest.raises(ModelSpecError, match=words):
        sacv.load_model(spec)


def test_what_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SacvError, match="give the weights as a file"):
        sacv.load_model("hf:nobody/nothing-of-this-name")


@pytest.mark.parametrize(
    ("spec", "layout", "worth"),
    [
        ("torchvision:resnet18@random", "NCHW", "layer3"),
        ("timm:deit_tiny_distilled_patch16_224@random", "tokens 14x14+2", "blocks.10"),
        ("hf", "tokens 14x14+1", "vit.layers.1"),
    ],
)
def test_the_layers_command(spec, layout, worth, tmp_path, capsys):
    spec = hugging_face("vit", tmp_path / "net") if spec == "hf" else spec
    with pytest.raises(SystemExit) as left:
        main(["layers", "--model", spec, "--json"])
    assert left.value.code == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["layers"]}
    assert rows[worth]["layout"] == layout and rows[worth]["worth_asking"]
    assert rows[worth]["contribution"] == "varies" and rows[worth]["receptive_field"] is not None
    assert max(rows[worth]["effective_field"]) <= max(rows[worth]["receptive_field"])
